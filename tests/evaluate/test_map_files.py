"""Files of truth and answers: which go together, and what a mask or a map of ids is."""

import json

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import DataError, SourceError
from pixwise.evaluate.map_files import ids_from_file, mask_from_file, paired_files
from pixwise.masks import Mask


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_files_of_one_name_go_together(tmp_path):
    truth = touched(tmp_path / "truth", "b.png", "sub/a.png", "notes.txt", ".hidden.png")
    found = touched(tmp_path / "found", "sub/a.json", "b.PNG", "c.png")
    files = paired_files(truth, found, {".png", ".json"})
    assert [(pair.name, pair.found.name) for pair in files.pairs] == [("b", "b.PNG"), ("sub/a", "a.json")]
    assert files.left_out == ["c"]


def test_two_files_go_together_whatever_their_names(tmp_path):
    touched(tmp_path, "a.png", "b.txt")
    assert paired_files(tmp_path / "a.png", tmp_path / "b.txt", {".png"}).pairs[0].name == "a.png"


@pytest.mark.parametrize(
    ("truth", "found", "said"),
    [
        (["a.png"], [], "got nothing there"),
        (["a.png", "b.png"], ["a.png"], "must have a file for each of .*, got none for 1, b first"),
        (["a.txt"], ["a.txt"], "must hold files that end in .json, .png, got none"),
        (["a.png"], ["a.png", "a.json"], "must have one file of each name, got a.json and a.png"),
    ],
)
def test_folders_that_do_not_go_together_are_told(tmp_path, truth, found, said):
    touched(tmp_path / "truth", *truth)
    touched(tmp_path / "found", *found)
    with pytest.raises((SourceError, DataError), match=said):
        paired_files(tmp_path / "truth", tmp_path / "found", {".png", ".json"})


def test_a_file_and_a_folder_do_not_go_together(tmp_path):
    touched(tmp_path, "a.png", "found/a.png")
    with pytest.raises(DataError, match="must be two files or two folders, got one of each"):
        paired_files(tmp_path / "a.png", tmp_path / "found", {".png"})


def test_ids_are_values_or_indices_of_the_palette(tmp_path):
    ids = np.uint8([[0, 7, 255]])
    coloured = Image.fromarray(ids).convert("P")
    coloured.putdata(ids.ravel().tolist())
    coloured.putpalette(list(range(255, -1, -1)) * 3)
    coloured.save(tmp_path / "p.png")
    Image.fromarray(ids).save(tmp_path / "l.png")
    Image.fromarray(np.uint16([[0, 7, 40_000]])).save(tmp_path / "i.png")
    assert ids_from_file(tmp_path / "p.png").tolist() == ids_from_file(tmp_path / "l.png").tolist() == [[0, 7, 255]]
    assert ids_from_file(tmp_path / "i.png").tolist() == [[0, 7, 40_000]]


def test_a_mask_is_half_white_or_half_opaque_or_run_lengths(tmp_path):
    wanted = np.array([[False, True, True]])
    grey = np.uint8([[127, 128, 255]])
    Image.fromarray(grey).save(tmp_path / "l.png")
    Image.fromarray(wanted).save(tmp_path / "1.png")
    Image.fromarray(np.dstack([grey * 0, grey * 0, grey * 0, grey])).save(tmp_path / "rgba.png")
    Image.fromarray(grey.astype(np.uint16) << 8).save(tmp_path / "i.png")
    (tmp_path / "m.json").write_text(json.dumps(Mask.from_array(wanted).to_rle()))
    for name in ("l.png", "1.png", "rgba.png", "i.png", "m.json"):
        assert np.array_equal(mask_from_file(tmp_path / name), wanted), name


@pytest.mark.parametrize("read", [ids_from_file, mask_from_file])
def test_files_that_are_none_are_told(tmp_path, read):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "bad.json").write_text("[1, 2")
    Image.new("RGB", (3, 3)).save(tmp_path / "rgb.png")
    Image.new("L", (3, 3)).save(tmp_path / "jpeg.png", format="JPEG")
    for name, said in (("bad.png", "PNG, got another"), ("none.png", "got No such"), ("jpeg.png", "another format")):
        with pytest.raises(SourceError, match=rf"{name}: expected .*{said}"):
            read(tmp_path / name)
    with pytest.raises(SourceError, match=r"bad\.json: expected"):
        read(tmp_path / "bad.json")
    with pytest.raises(DataError, match=r"rgb\.png: must be a grey PNG"):
        read(tmp_path / "rgb.png")


def test_an_answer_of_another_task_is_told(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"schema": "pixwise/nothing/1"}))
    with pytest.raises(SourceError, match=r"a\.json: expected an answer of semantic as JSON"):
        ids_from_file(tmp_path / "a.json")
    with pytest.raises(SourceError, match=r"a\.json: expected run lengths"):
        mask_from_file(tmp_path / "a.json")
