"""`pixwise upscale`, `restyle` and `inpaint`: what is written where, in this process with the built-ins."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixwise.samples import photo_like

PIXELS = photo_like(60, 80)
LANCZOS = ("--model", "lanczos")
TELEA = ("--model", "telea")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "album" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(PIXELS).save(path)
    return path


def opened(path):
    return np.asarray(Image.open(path))


def test_the_picture_itself_is_written_not_a_drawing(cli, photo):
    code, out, err = cli("upscale", photo, "-o", "large.png", "--factor", 3, *LANCZOS)
    assert (code, err) == (0, "")
    assert out.startswith(f"{photo}  80 x 60  240 x 180 px  by lanczos in ")
    assert out.endswith("written: large.png\n")
    assert opened("large.png").shape == (180, 240, 3)


def test_without_a_name_it_is_written_here(cli, photo):
    assert cli("restyle", photo, "--model", "denoise").code == 0
    assert Path("photo.pixwise.png").is_file()


def test_a_folder_takes_a_picture_per_input(cli, photo):
    Image.open(photo).save(photo.with_name("other.jpg"))
    assert cli("upscale", photo.parent, "-o", "large/", *LANCZOS).code == 0
    assert sorted(os.listdir("large")) == ["other.png", "photo.png"]


def test_a_mask_is_a_file(cli, photo):
    hole = np.zeros((60, 80), np.uint8)
    hole[10:20, 30:50] = 255
    Image.fromarray(hole).save("mask.png")
    code, out, _ = cli("inpaint", photo, "--mask", "mask.png", "-o", "filled.png", *TELEA)
    assert (code, "4% changed" in out) == (0, True)
    np.testing.assert_array_equal(opened("filled.png")[hole == 0], PIXELS[hole == 0])


def test_boxes_and_corners_are_what_is_filled(cli, photo):
    assert cli("inpaint", photo, "--box", "5,5,15,15", "--box", "30,30,40,40", "-o", "a.png", *TELEA).code == 0
    assert (opened("a.png") != PIXELS).any(axis=2).sum() <= 200
    corners = [word for corner in ("5,5", "30,5", "5,30") for word in ("--polygon", corner)]
    assert cli("inpaint", photo, *corners, "-o", "b.png", *TELEA).code == 0
    assert (opened("b.png") != PIXELS).any(axis=2)[:30, :30].any()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "what is filled must be said, got no mask, box or polygon"),
        (("--mask", "missing.png"), "missing.png"),
        (("--box", "1,2,3"), "--box must be x1,y1,x2,y2 in pixels, got '1,2,3'"),
        (("--box", "500,5,600,15"), "box must overlap the 80 x 60 picture"),
    ],
)
def test_what_cannot_be_filled_is_told_and_nothing_is_written(cli, photo, words, told):
    code, _, err = cli("inpaint", photo, *words, "-o", "filled.png", *TELEA)
    assert code in (1, 2)
    assert told in err
    assert not Path("filled.png").exists()


def test_a_mask_of_another_size_is_told(cli, photo):
    Image.new("L", (40, 30), 255).save("mask.png")
    code, _, err = cli("inpaint", photo, "--mask", "mask.png", "-o", "filled.png", *TELEA)
    assert code == 1
    assert "mask must be of the size of the picture, 80 x 60, got 40 x 30" in err


def test_transparency_is_kept_where_the_file_can_hold_it(cli, photo):
    see_through = np.dstack([PIXELS, np.full((60, 80), 255, np.uint8)])
    see_through[:30, :, 3] = 0
    Image.fromarray(see_through).save(photo)
    assert cli("upscale", photo, "-o", "large.png", *LANCZOS).code == 0
    assert cli("upscale", photo, "-o", "large.jpg", *LANCZOS).code == 0
    assert opened("large.png")[:50, :, 3].max() == 0
    assert opened("large.jpg")[:50].min() > 240


def test_a_pipe_gets_the_picture_and_nothing_else(photo):
    words = [sys.executable, "-m", "pixwise", "upscale", str(photo), "-o", "-", *LANCZOS]
    done = subprocess.run(words, capture_output=True, check=True, timeout=60)
    assert Image.open(io.BytesIO(done.stdout)).size == (160, 120)
    assert done.stderr == b""


def test_two_pictures_do_not_go_into_one_file(cli, photo):
    code, _, err = cli("upscale", photo, photo, "-o", "-", *LANCZOS)
    assert (code, "-o must be a folder for 2 pictures" in err) == (2, True)


def test_the_help_names_the_built_in(cli):
    out = cli("upscale", "--help").out
    assert "[built in]" in out
    assert "--factor N" in out
