"""JSON that means two things, or nothing, is refused in words."""

import pytest

from pixwise.serve.problems import Problem
from pixwise.serve.strict_json import read_json


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "must be JSON"),
        (b"", "must be JSON"),
        (b'{"a": NaN}', "finite numbers, got NaN"),
        (b"[-Infinity]", "finite numbers"),
        (b"[1e999]", "fit 64 bits"),
        (b"[" + b"9" * 5000 + b"]", "must be JSON"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"b": {"a": 1, "a": 2}}', "'a' twice"),
        (b'["\\ud800"]', "half of one"),
        (b'{"\\udfff": 1}', "half of one"),
        (b"[" * 40 + b"]" * 40, "at most 32"),
        (b"[" * 100_000, "at most 32"),
        (b"[" + b"1," * 100_000 + b"1]", "at most 100,000 values, got more"),
        ("[" + "{}," * 50_000 + "1]", "at most 100,000 values, got more"),
        ('{"a": "é"}'.encode("latin-1"), "UTF-8, got other bytes at 7"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        ('\ufeff{"a": 1}'.encode(), "must be JSON"),
    ],
    ids=lambda given: repr(given[:24]),
)
def test_a_text_that_is_no_plain_json_is_a_400_that_says_why(text, said):
    with pytest.raises(Problem) as caught:
        read_json(text)
    assert caught.value.status == 400
    assert said in caught.value.detail


def test_plain_json_is_read():
    told = {"a": [1, 2.5, None, True, "é 𝄞"], "b": {"c": {}}}
    assert read_json('{"a": [1, 2.5, null, true, "é \\ud834\\udd1e"], "b": {"c": {}}}') == told


def test_a_message_names_what_was_read():
    with pytest.raises(Problem, match="tasks must be JSON"):
        read_json("[", "tasks")
