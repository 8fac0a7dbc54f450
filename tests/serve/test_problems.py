"""Errors as problems: what clients are told."""

import pytest

from pixwise.errors import CardError
from pixwise.serve.problems import problem_of


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/srv/models/pets/card.toml: head must be said", "card.toml: head must be said"),
        ("card 'pets' in /srv/models/pets, got none", "card 'pets' in pets, got none"),
        ("http://host/a/b/c.png: expected a web server", "http://host/a/b/c.png: expected a web server"),
        ("size must be 3/4, got 1/2; see docs/serve.md", "size must be 3/4, got 1/2; see docs/serve.md"),
    ],
)
def test_clients_are_told_no_place_on_the_services_disk(said, told):
    assert problem_of(CardError(said)).detail == told
