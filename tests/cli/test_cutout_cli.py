"""`pixwise cutout`: pictures without their background, in this process."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixwise.samples import photo_like

BUILT_IN = ("--model", "salient-cut")


@pytest.fixture
def product(tmp_path):
    """A thing on a plain ground."""
    pixels = np.full((300, 400, 3), (230, 228, 225), np.uint8)
    pixels[80:220, 120:260] = photo_like(140, 140) // 2
    path = tmp_path / "shop" / "shoe.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    return path


def opened(path):
    return np.asarray(Image.open(path))


def test_it_writes_a_transparent_picture_of_the_same_size(cli, product):
    code, out, err = cli("cutout", product, "-o", "out.png", *BUILT_IN)
    assert (code, err) == (0, "")
    assert out.startswith(f"{product}  400 x 300  16% is foreground  by salient-cut in ")
    assert out.endswith("written: out.png\n")
    found = opened("out.png")
    assert found.shape == (300, 400, 4)
    assert (found[150, 190, 3], found[20, 20].tolist()) == (255, [0, 0, 0, 0])


def test_without_a_name_it_is_written_here_under_a_name_that_folders_pass_over(cli, product):
    assert cli("cutout", product, *BUILT_IN).code == 0
    assert Path("shoe.pixwise.png").is_file()


def test_a_folder_takes_a_picture_per_input_of_its_name(cli, product):
    Image.open(product).save(product.with_name("boot.jpg"))
    assert cli("cutout", product.parent, "-o", "cut/", *BUILT_IN).code == 0
    assert sorted(os.listdir("cut")) == ["boot.png", "shoe.png"]


def test_another_ground_is_laid_behind(cli, product):
    assert cli("cutout", product, "-o", "out.jpg", "--on", "#ff0000", *BUILT_IN).code == 0
    assert np.abs(opened("out.jpg")[10, 10].astype(int) - [255, 0, 0]).max() < 6


def test_it_is_cut_down_to_the_subject(cli, product):
    assert cli("cutout", product, "-o", "out.png", "--crop", "--margin", 0.1, *BUILT_IN).code == 0
    assert np.abs(np.array(opened("out.png").shape[:2]) - 168).max() <= 4


def test_a_shadow_darkens_the_ground(cli, product):
    for name, more in (("plain.png", ()), ("dark.png", ("--shadow", 0.8))):
        assert cli("cutout", product, "-o", name, "--on", "#ffffff", *more, *BUILT_IN).code == 0
    assert opened("dark.png")[224, 190, 0] < opened("plain.png")[224, 190, 0] - 30


def test_a_picture_in_which_nothing_was_found_is_told(cli, tmp_path):
    Image.new("RGB", (60, 40), (9, 9, 9)).save("flat.png")
    code, _, err = cli("cutout", "flat.png", "-o", "out.png", *BUILT_IN)
    assert (code, err) == (
        1,
        "pixwise: flat.png: expected a subject, found none: all of it is cut away; try another --model\n",
    )
    assert not opened("out.png").any()


def test_a_bad_file_costs_only_itself(cli, product):
    product.with_name("bad.png").write_text("text")
    code, _, err = cli("cutout", product.parent, "-o", "cut/", *BUILT_IN)
    assert (code, err.count("\n"), os.listdir("cut")) == (1, 1, ["shoe.png"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-o", "out.jpg"), "-o must end in .png, .webp or .tif to be transparent, got 'out.jpg'; or add --on"),
        (("-o", "out.json"), "-o must end in one of .png .jpg"),
        (("-o", "-"), "or be a folder, got '-'"),
        (("--shadow", 0.5), "--shadow must have something to fall on, got no --on; add --on '#ffffff'"),
        (("--shadow", 2, "--on", "blur"), "shadow must be a number from 0 to 1, got 2"),
        (("--margin", -1), "margin must be a number from 0 to 10, got -1"),
        (("--on", "#12"), "colour must be like '#0080ff', got '#12'"),
        (("--on", "nowhere.jpg"), "nowhere.jpg: expected a picture, got no such file"),
        (("--feather", -1), "feather must be a number from 0 to 1000, got -1"),
    ],
)
def test_wrong_options_are_told_before_a_model_is_fetched(cli, product, words, why):
    code, out, err = cli("cutout", product, *words)
    assert (code, out) == (2, "")
    assert why in err


def test_an_input_is_not_overwritten(cli, product):
    told = cli("cutout", product, "-o", f"{product.parent}/", *BUILT_IN)
    assert told.code == 2
    assert "-o must not overwrite an input" in told.err


def test_a_full_disk_leaves_nothing_half_written(cli, product):
    os.symlink("/dev/full", "out.png")
    told = cli("cutout", product, "-o", "out.png", *BUILT_IN)
    assert "out.png: expected to be written, got No space left on device; free some room" in told.err
    assert told.code != 0
    assert sorted(os.listdir(".")) == ["out.png", "shop"]


def test_offline_the_error_names_the_built_in(cli, product):
    told = cli("cutout", product, "-o", "out.png")
    assert told.code == 3
    assert "salient-cut" in told.err
