"""`pixwise embed-text`: forms, standard input, and what is told when it cannot be done."""

import io
import json
import sys

import pytest
from language.test_embedding import folder  # noqa: F401  a tiny model


@pytest.fixture
def ask(cli, folder):  # noqa: F811
    return lambda *args: cli("embed-text", "--model", folder, *args)


def test_one_text_is_one_document(ask):
    code, out, _ = ask("dog", "--json")
    told = json.loads(out)
    assert (code, told["schema"], told["image"]["source"]) == (0, "pixwise/embedding/1", "dog")
    assert told["embedding"]["vector"] == pytest.approx([0.6, 0.8])


def test_several_texts_are_a_list_or_lines(ask):
    assert [each["image"]["source"] for each in json.loads(ask("dog", "cat", "--json").out)] == ["dog", "cat"]
    assert [json.loads(line)["image"]["source"] for line in ask("dog", "cat", "--jsonl").out.splitlines()] == [
        "dog",
        "cat",
    ]
    assert ask("dog", "--csv").out == "source,dimension,vector\ndog,2,0.6 0.8\n"


def test_people_get_a_table(ask):
    assert "dog  embedding  by " in ask("dog").out


def test_lines_of_standard_input_are_texts(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", lines("dog\n\ncat\n"))
    assert len(json.loads(ask("-", "--json").out)) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["-", "dog"], "texts must be words or '-', got both"),
        ([""], "texts: text 1 must say something"),
        (["dog", "--json", "--csv"], "form must be one, got --json and --csv"),
    ],
)
def test_wrong_usage_is_one_line(ask, given, words):
    code, out, err = ask(*given)
    assert (code, out) == (2, "")
    assert words in err


def test_standard_input_of_another_encoding_is_told(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", lines("Straße", "latin-1"))
    assert "standard input must be UTF-8, got" in ask("-").err


def lines(text: str, encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode(encoding)))


@pytest.mark.parametrize("text", ["dog\r\ncat\r\n", "dog\rcat", "dog\n \n\ncat"])
def test_lines_end_as_on_any_system(ask, monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", lines(text))
    assert [each["image"]["source"] for each in json.loads(ask("-", "--json").out)] == ["dog", "cat"]


def test_other_signs_do_not_end_a_line(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", lines("dog\u2028cat\x0ccat\n"))
    assert [each["image"]["source"] for each in json.loads(ask("-", "--json").out)] == ["dog\u2028cat\x0ccat"]


def test_the_mark_that_editors_put_before_a_text_is_none_of_it(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", lines("dog\n", "utf-8-sig"))
    assert [each["image"]["source"] for each in json.loads(ask("-", "--json").out)] == ["dog"]


class Interrupted(io.StringIO):
    """Ctrl-C comes while the second answer is written."""

    came = False

    def write(self, text: str) -> int:
        if '"cat' in text and not self.came:
            self.came = True
            raise KeyboardInterrupt
        return super().write(text)


def test_what_was_done_before_an_interruption_is_written(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream := Interrupted())
    code, _, _ = ask("dog", "cat", "--json")
    told = json.loads(stream.getvalue())
    assert (code, [each["image"]["source"] for each in told]) == (130, ["dog"])


def test_lines_of_a_file_are_texts(ask, tmp_path):
    (tmp_path / "t.txt").write_text("dog\n\ncat\n")
    told = json.loads(ask(f"@{tmp_path}/t.txt", "--json").out)
    assert [each["image"]["source"] for each in told] == ["dog", "cat"]


def test_standard_input_without_words_is_told(ask, monkeypatch):
    monkeypatch.setattr(sys, "stdin", lines("\n"))
    code, _, err = ask("-")
    assert (code, "standard input must have lines with words, got none" in err) == (2, True)
