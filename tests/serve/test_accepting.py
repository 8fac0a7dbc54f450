"""The form that a caller wants most."""

import pytest

from pixwise.serve.accepting import form_wanted
from pixwise.serve.problems import Problem

FORMS = ("application/json", "image/png", "image/jpeg", "image/webp")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("image/*", "image/png"),
        ("IMAGE/WEBP", "image/webp"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("image/avif,image/webp,*/*;q=0.8", "image/webp"),
        ("image/png;q=0.5, application/json", "application/json"),
        ("image/png,application/json", "image/png"),
        ("application/json;q=0, */*", "image/png"),
        ("application/json; charset=utf-8; q=0.1, image/jpeg;q=0.2", "image/jpeg"),
    ],
)
def test_the_form_of_the_best_quality_is_taken(accept, form):
    assert form_wanted(accept, FORMS) == form


@pytest.mark.parametrize("accept", ["text/html", "image/gif", "application/json;q=0", "image/png;q=x", "nonsense"])
def test_a_form_that_there_is_not_is_a_406_that_lists_those_that_there_are(accept):
    with pytest.raises(Problem, match="must name one of application/json, image/png") as caught:
        form_wanted(accept, FORMS)
    assert caught.value.status == 406
