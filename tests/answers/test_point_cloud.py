"""Points in space, and PLY files."""

import numpy as np
import pytest

from pixwise.answers.point_cloud import PointCloud, points_from_depth
from pixwise.errors import OutputError, ShapeError

XYZ = np.float32([[1, 2, 3], [-4, 5.5, 6]])
RGB = np.uint8([[255, 0, 7], [1, 2, 3]])


def test_a_ply_file_is_as_its_head_says(tmp_path):
    PointCloud(XYZ, RGB).save_ply(tmp_path / "cloud.ply")
    head, body = (tmp_path / "cloud.ply").read_bytes().split(b"end_header\n")
    assert b"format binary_little_endian 1.0\nelement vertex 2\nproperty float x\n" in head
    rows = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    assert (rows["xyz"].tolist(), rows["rgb"].tolist()) == (XYZ.tolist(), RGB.tolist())


def test_what_lies_behind_the_camera_is_left_out():
    cloud = points_from_depth(np.float32([[1, 0], [-1, 2]]), np.zeros((2, 2, 3), np.uint8), 10)
    assert cloud.xyz[:, 2].tolist() == [1, 2]


def test_colours_must_be_as_many_as_points():
    with pytest.raises(ShapeError, match="rgb must have shape"):
        PointCloud(XYZ, RGB[:1])
    with pytest.raises(ShapeError, match="rgb must be uint8"):
        PointCloud(XYZ, RGB.astype(float))


def test_a_place_that_takes_no_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected to be written"):
        PointCloud(XYZ, RGB).save_ply(tmp_path / "file" / "cloud.ply")
