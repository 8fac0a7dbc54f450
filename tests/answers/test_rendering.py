"""A picture that was made: what it offers, how it is written, and transparency."""

import io

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import OutputError
from pixwise.picture import Picture
from pixwise.results import Rendering, result_from_dict
from pixwise.samples import photo_like

PIXELS = photo_like(40, 60)


def test_it_knows_its_size_and_how_much_larger_it_is():
    made = Rendering.of(PIXELS, Picture.open(photo_like(20, 30)))
    assert (made.width, made.height, made.scale) == (60, 40, 2.0)
    np.testing.assert_array_equal(made.pixels(), PIXELS)
    np.testing.assert_array_equal(np.asarray(made.to_image()), PIXELS)


def test_it_comes_back_from_json_to_the_bit():
    made = Rendering.of(PIXELS)
    again = result_from_dict(made.to_dict())
    assert again == made
    np.testing.assert_array_equal(again.pixels(), PIXELS)


def test_nothing_is_a_picture_without_pixels():
    assert Rendering.empty().to_dict()["rendering"]["raster"] == ""
    assert Rendering.empty()._repr_png_() is None


@pytest.mark.parametrize("name", ["made.png", "made.webp", "made.tif", "made.jpg"])
def test_it_is_written_in_the_form_of_the_suffix(tmp_path, name):
    Rendering.of(PIXELS).save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.size == (60, 40)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unknown_suffix_is_told(tmp_path):
    with pytest.raises(OutputError, match=r"expected a suffix like \.png, \.jpg or \.webp, got '\.docx'"):
        Rendering.of(PIXELS).save(tmp_path / "made.docx")


def test_what_cannot_be_written_leaves_nothing_and_what_was_there_stays(tmp_path):
    (tmp_path / "made.png").mkdir()
    with pytest.raises(OutputError, match=r"made\.png: expected to be written, got"):
        Rendering.of(PIXELS).save(tmp_path / "made.png")
    assert [path.name for path in tmp_path.iterdir()] == ["made.png"]


def test_what_was_transparent_stays_so_at_the_new_size():
    source = np.dstack([PIXELS, np.full((40, 60), 255, np.uint8)])
    source[:, :20, 3] = 0
    picture = Picture.open(source)
    made = Rendering.of(np.asarray(picture.image().resize((120, 80))), picture)
    opacity = np.asarray(made.to_image())[..., 3]
    assert (opacity.shape, made.to_image().mode) == ((80, 120), "RGBA")
    assert (opacity[:, :35] == 0).all()
    assert (opacity[:, 45:] == 255).all()


def test_a_notebook_shows_the_picture():
    assert Image.open(io.BytesIO(Rendering.of(PIXELS)._repr_png_())).size == (60, 40)


def test_a_drawing_is_of_the_pictures_size():
    small = photo_like(20, 30)
    drawn = Rendering.of(PIXELS, Picture.open(small)).draw(small)
    assert drawn.size == (30, 20)
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(Image.fromarray(PIXELS).resize((30, 20), 1))).max() == 0
