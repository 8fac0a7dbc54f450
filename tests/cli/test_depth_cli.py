"""`pixwise depth`: drawn as every task, and files of numbers."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_depth import write_depth

from pixwise.samples import photo_like


@pytest.fixture
def room(tmp_path):
    """A picture beside a model with metres and one without."""
    Image.fromarray(photo_like(60, 80)).save(tmp_path / "room.png")
    write_depth(tmp_path / "relative")
    write_depth(tmp_path / "metric", "metric")
    return tmp_path / "room.png"


def metric(cli, *args):
    return cli("depth", *args, "--model", "./metric")


def test_a_picture_is_drawn_and_json_tells_the_kind(cli, room):
    assert metric(cli, room, "-o", "drawn.png").code == 0
    with Image.open("drawn.png") as drawn:
        assert drawn.size == (80, 60)
    told = json.loads(metric(cli, room, "--json").out)["depth_map"]
    assert (told["kind"], told["scale"]) == ("metric", "linear")


def test_numpy_takes_the_map_of_the_pictures_size(cli, room):
    code, out, err = metric(cli, room, "-o", "depth.npy")
    assert (code, err) == (0, "")
    assert out.endswith("written: depth.npy\n")
    assert np.load("depth.npy").shape == (60, 80)


def test_a_16_bit_png_tells_what_its_numbers_mean(cli, room):
    out = metric(cli, room, "--as", "png16", "-o", "depth.png").out
    assert "depth = 0 + 0.001 * number m" in out
    assert np.asarray(Image.open("depth.png")).max() > 1000


def test_points_need_a_camera(cli, room):
    assert metric(cli, room, "-o", "cloud.ply", "--fov", 65).code == 0
    with open("cloud.ply", "rb") as file:
        assert b"element vertex 4800\n" in file.read(200)
    os.unlink("cloud.ply")
    code, _, err = metric(cli, room, "-o", "cloud.ply")
    assert (code, os.path.exists("cloud.ply")) == (2, False)
    assert "focal_px or fov_deg must be said" in err


def test_depth_without_a_unit_makes_no_points_unless_two_distances_are_known(cli, room):
    relative = ("depth", room, "-o", "cloud.ply", "--fov", 65, "--model", "./relative")
    code, _, err = cli(*relative)
    assert (code, os.path.exists("cloud.ply")) == (2, False)
    assert "must be metric for that, got relative depth of relative" in err
    assert cli(*relative, "--near", 1, "--far", 4).code == 0


def test_a_folder_takes_a_file_per_picture(cli, room):
    shutil.copy(room, "hall.png")
    assert metric(cli, room, "hall.png", "--as", "npy", "-o", "maps/").code == 0
    assert sorted(os.listdir("maps")) == ["hall.npy", "room.npy"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--near", 1), "--near and --far must go with --as or a file of numbers"),
        (("--near", 1, "-o", "x.npy"), "--near and --far must both be said, got 1 and 0"),
        (("--fov", 60, "-o", "x.npy"), "must go with points, got no .ply"),
        (("-o", "x.npy", "--json"), "--json must go without --as npy"),
        (("-o", "x.jpg", "--as", "npy"), "-o must end in one of .npy or be a folder, got 'x.jpg'"),
    ],
)
def test_options_that_contradict_each_other_are_told_before_anything_runs(cli, room, args, said):
    code, out, err = metric(cli, room, *args)
    assert (code, out) == (2, "")
    assert said in err
