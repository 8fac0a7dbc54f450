"""A CSV of pairs: read, measured, and what is told of bad lines and pictures."""

from pathlib import Path

import numpy as np
import pytest
from identity.test_gallery import answer, turned

from pixwise.errors import OptionError, PictureError, SourceError
from pixwise.evaluate.face_pairs import FacePair, measure_pairs, read_pairs


def written(folder, text):
    path = folder / "pairs.csv"
    path.write_bytes(text.encode())
    return path


def test_paths_are_from_the_folder_of_the_csv_on(tmp_path):
    path = written(tmp_path, "same,b,a,note\n1,sub/b.jpg,a.jpg,x\nNo,c.jpg,/c.jpg,\n")
    assert read_pairs(path) == [
        FacePair(tmp_path / "a.jpg", tmp_path / "sub/b.jpg", True),
        FacePair(Path("/c.jpg"), tmp_path / "c.jpg", False),
    ]


def test_a_line_break_in_a_name_is_part_of_it(tmp_path):
    (tmp_path / "pairs.csv").write_text('a,b,same\n"x\ny.jpg",z.jpg,1\n')
    assert [pair.a.name for pair in read_pairs(tmp_path / "pairs.csv")] == ["x\ny.jpg"]


def test_the_mark_and_the_line_ends_of_spreadsheets_are_read(tmp_path):
    assert len(read_pairs(written(tmp_path, "\ufeffa,b,same\r\nä.jpg,b.jpg,TRUE\r\n"))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;b;same\nx;y;1\n", "must have commas between its columns, got 'a;b;same'; save it with commas"),
        ("a,b\nx,y\n", "must have the columns a, b, same, got none named same"),
        ("", "got none named a, b, same"),
        ("a,b,same\nx,y,1\nx,y,maybe\n", "line 3: same must be 1 or 0, got 'maybe'"),
        ("a,b,same\nx,,1\n", "line 2: must name two pictures, got 'x' and ''"),
        ("a,b,same\nx\n", "line 2: must name two pictures, got 'x' and None"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, said):
    with pytest.raises(OptionError, match=rf"pairs\.csv.*{said}"):
        read_pairs(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SourceError, match=r"none\.csv: expected a CSV of pairs"):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"a,b,same\n\xe4,b,1\n")
    with pytest.raises(SourceError, match="expected a CSV of pairs in UTF-8"):
        read_pairs(tmp_path / "latin.csv")


def pair(a, b, same):
    return FacePair(Path(a), Path(b), same)


def test_each_picture_is_asked_once_and_bad_ones_take_only_their_pairs():
    known = {
        "a": answer(turned(0)), "b": answer(turned(60)), "wall": answer(), "bad": PictureError("bad: no picture"),
    }  # fmt: skip
    asked = []

    def identifier(pictures):
        asked.extend(pictures)
        return [known[picture.name] for picture in pictures]

    pairs = [pair("a", "b", True), pair("a", "wall", False), pair("b", "a", False), pair("bad", "a", True)]
    found = measure_pairs(pairs, identifier)
    assert [picture.name for picture in asked] == ["a", "b", "wall", "bad"]
    assert found.similarities == pytest.approx([0.5, 0.5], abs=1e-6)
    assert (found.same.tolist(), found.left_out) == ([True, False], 2)
    assert found.failures == ("wall: must show a face, got none", "bad: no picture")


def test_no_pairs_are_no_similarities():
    found = measure_pairs([], lambda pictures: [])
    assert (found.similarities.shape, found.same.dtype, found.left_out) == ((0,), np.bool_, 0)
