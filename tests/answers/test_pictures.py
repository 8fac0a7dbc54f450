import os

import numpy as np
import pytest
from PIL import Image

from pixwise.answers.pictures import Pictures
from pixwise.errors import OptionError, OutputError, ShapeError


def made(count=5, seeds=None, size_hw=(3, 4)):
    pixels = [np.full((*size_hw, 3), 40 * n + 20, np.uint8) for n in range(count)]
    return Pictures(seeds=list(range(7, 7 + count)) if seeds is None else seeds, pictures=pixels, steps=2, done=2)


def test_a_row_is_a_seed_and_a_picture():
    row = made()[1]
    assert row.seed == 8
    assert (row.picture.open() == 60).all()


def test_the_grid_is_about_as_wide_as_high_and_filled_line_by_line():
    grid = np.asarray(made().grid(gap_px=1, ground=(1, 2, 3)))
    assert grid.shape == (2 * 3 + 1, 3 * 4 + 2, 3)
    assert [grid[0, x, 0] for x in (0, 5, 10)] == [20, 60, 100]
    assert [grid[4, x].tolist() for x in (0, 5, 10)] == [[140] * 3, [180] * 3, [1, 2, 3]]
    assert grid[3, 0].tolist() == grid[0, 4].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("columns", "size"), [(1, (4, 23)), (5, (28, 3)), (99, (28, 3)), (2, (10, 13))])
def test_the_lines_of_a_grid_may_be_told(columns, size):
    assert made().grid(columns).size == size


@pytest.mark.parametrize(("count", "options"), [(0, {}), (2, {"columns": -1}), (2, {"gap_px": -1})])
def test_a_grid_of_nothing_is_refused(count, options):
    with pytest.raises(OptionError, match="grid must have pictures, columns and gap from 0 up, got"):
        made(count).grid(**options)


def test_saved_pictures_are_named_by_their_seeds(tmp_path):
    paths = made(2).save(tmp_path / "new" / "folder")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["new/folder/7.png", "new/folder/8.png"]
    assert np.asarray(Image.open(paths[1])).tolist() == made(2).pictures[1].open().tolist()
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == ["7.png", "8.png"]


def test_pictures_without_a_seed_are_named_by_their_place(tmp_path):
    assert [path.name for path in made(2, seeds=[-1, -1]).save(tmp_path)] == ["0.png", "1.png"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken: expected to be written, got File exists"):
        made().save(tmp_path / "taken")


def test_a_picture_that_cannot_be_written_leaves_nothing_half_done(tmp_path):
    (tmp_path / "8.png").mkdir()
    with pytest.raises(OutputError, match=r"8\.png: expected to be written, got "):
        made(3).save(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["7.png", "8.png"]


def test_pictures_of_several_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"must be of one size, got \[\(2, 2\), \(3, 4\)\]"):
        Pictures(seeds=[1, 2], pictures=[np.zeros((2, 2, 3), np.uint8), np.zeros((3, 4, 3), np.uint8)])


def test_something_else_than_pixels_is_refused():
    with pytest.raises(ShapeError, match="pixels must"):
        Pictures(seeds=[1], pictures=["data:text/plain,x"])
