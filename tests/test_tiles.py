"""Tiles: where they lie, and that what is joined is what was cut, for networks that look no farther than they may."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pixwise.samples import photo_like
from pixwise.tiles import plan_tiles


def blur_network(radius):
    """A convolution that looks `radius` pixels far and gives the picture three times as large."""
    random, side = np.random.default_rng(0), 2 * radius + 1
    weights = random.uniform(0, 1, (27, 3, side, side)).astype(np.float32)
    weights /= weights.sum(axis=(1, 2, 3), keepdims=True)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[radius] * 4),
        helper.make_node("DepthToSpace", ["y"], ["z"], blocksize=3, mode="CRD"),
    ]
    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 3, None, None])],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def run(tiles):
        made = session.run(None, {"x": np.stack(tiles).transpose(0, 3, 1, 2).astype(np.float32)})[0]
        return np.rint(made.transpose(0, 2, 3, 1)).astype(np.uint8)

    return run


@pytest.mark.parametrize("tile", [(64, 64), (48, 80), (33, 47)], ids=str)
def test_tiled_is_whole_for_a_network_that_looks_no_farther_than_the_overlap_allows(tile):
    run, pixels = blur_network(6), photo_like(121, 167)
    whole = run([pixels])[0]
    tiling = plan_tiles((121, 167), tile, 16)  # three eighths of it are 6
    assert len(tiling) > 4
    joined = tiling.joined(run(list(tiling.cut(pixels))))
    assert np.abs(joined.astype(int) - whole).max() <= 1
    assert (joined != whole).mean() < 1e-3


def test_a_network_that_looks_farther_is_seen():
    run, pixels = blur_network(9), photo_like(121, 167)
    tiling = plan_tiles((121, 167), (64, 64), 8)
    assert np.abs(tiling.joined(run(list(tiling.cut(pixels)))).astype(int) - run([pixels])[0]).max() > 1


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(8, 40),
    st.integers(0, 40),
    st.sampled_from([1, 4, 8]),
    st.integers(0, 1),
    st.booleans(),
)
def test_what_is_cut_is_joined_to_the_bit(size_hw, tile, overlap, multiple, least, whole):
    tile = tile // multiple * multiple
    pixels = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), np.uint8)
    tiling = plan_tiles(size_hw, (tile, tile), overlap, multiple=multiple, least=least, whole=whole)
    tiles = np.stack(list(tiling.cut(pixels)))
    assert tiles.shape == (len(tiling), *tiling.tile_hw, 3)
    assert all(start % multiple == 0 for start in (*tiling.tops, *tiling.lefts, *tiling.padded_hw)) or whole
    np.testing.assert_array_equal(tiling.joined(tiles), pixels)
    doubled = tiling.joined(tiles.repeat(2, axis=1).repeat(2, axis=2))
    np.testing.assert_array_equal(doubled, pixels.repeat(2, axis=0).repeat(2, axis=1))


def test_two_tiles_fade_into_one_another_without_a_step():
    tiling = plan_tiles((8, 120), (8, 70), 20)
    dark, light = np.zeros((8, 70, 3), np.uint8), np.full((8, 70, 3), 200, np.uint8)
    row = tiling.joined(np.stack([dark, light]))[0, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 200)
    assert 0 < np.diff(row).max() <= 40


def test_the_longest_picture_has_tiles_as_low_as_it_is():
    tiling = plan_tiles((10, 20_000), (256, 256), 32, multiple=8, least=1)
    assert tiling.tile_hw == (16, 256)
    assert len(tiling) == 90


def test_a_network_of_one_size_gets_that_size():
    tiling = plan_tiles((30, 500), (224, 224), 32, whole=True)
    assert tiling.tile_hw == (224, 224)
    assert {tile.shape for tile in tiling.cut(photo_like(30, 500))} == {(224, 224, 3)}
