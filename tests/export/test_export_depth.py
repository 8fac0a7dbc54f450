"""Depth models as folders: sides that vary, one picture at a time, smaller weights, what is refused."""

import json
import tomllib
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from oracle import depths, tiny

from pixwise.errors import CardError
from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.results import MetricDepth, RelativeDepth
from pixwise.samples import photo_like
from pixwise.tasks.depth import DepthEstimator

KINDS = {"depth_anything": RelativeDepth, "dpt": RelativeDepth}
FIXED = {"dpt": (96, 96), "depth_pro": (128, 128)}  # the others take any height and width


def save(name, model, folder):
    with quiet():
        model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(depths.REFERENCES[name].preprocessor))
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        source, lines = save(name, depths.make(name), folder / "checkpoint"), []
        done = export(source, folder / "out", progress=lines.append)
        return SimpleNamespace(source=source, done=done, lines=lines)

    return tiny.made_once(made, tmp_path_factory)


@pytest.mark.parametrize("name", depths.REFERENCES)
def test_the_map_is_the_checkpoints_own_at_two_sizes(case, name):
    rows = [row for row in case(name).done.differences if row.part == "model"]
    assert {row.output for row in rows} == {"predicted_depth", *(["field_of_view"] if name == "depth_pro" else [])}
    assert max(row.share for row in rows) < 2e-4
    assert len(set(rows[0].shapes.split(", "))) == 3


@pytest.mark.parametrize("name", depths.REFERENCES)
def test_the_folder_answers_and_says_what_it_is(case, name):
    answer = DepthEstimator.load(case(name).done.folder, threads=1)(photo_like(97, 151, 1))
    assert type(answer) is KINDS.get(name, MetricDepth)
    assert answer.map().shape == (97, 151)


@pytest.mark.parametrize("name", depths.REFERENCES)
def test_height_and_width_vary_where_the_recipe_lets_them(case, name):
    [pixels] = onnx.load(case(name).done.folder / "onnx" / "model.onnx").graph.input
    sides = tuple(each.dim_value for each in pixels.type.tensor_type.shape.dim[2:])
    assert sides == FIXED.get(name, (0, 0))


def test_no_cubic_resize_is_left(case):
    """onnxruntime's takes a twelfth of the whole."""
    nodes = onnx.load(case("depth_anything").done.folder / "onnx" / "model.onnx").graph.node
    modes = [a.s for node in nodes if node.op_type == "Resize" for a in node.attribute if a.name == "mode"]
    assert modes == [b"linear"] * 5


def test_attention_is_one_operator_and_nothing_guards_its_softmax(case):
    kinds = [node.op_type for node in onnx.load(case("depth_anything").done.folder / "onnx" / "model.onnx").graph.node]
    assert kinds.count("MultiHeadAttention") == 4
    assert not {"Softmax", "IsNaN"} & set(kinds)


def test_16_bits_agree(case, tmp_path):
    small = export(case("depth_anything").source, tmp_path / "small", precision="fp16").folder
    picture = photo_like(97, 151, 1)
    a, b = (DepthEstimator.load(folder)(picture).map() for folder in (case("depth_anything").done.folder, small))
    assert np.abs(a - b).max() < 0.02 * np.ptp(a)
    assert DepthEstimator.load(small).card.precision == "fp16"


def test_metres_are_told_by_the_card(case):
    heads = [
        tomllib.loads((case(name).done.folder / "card.toml").read_text())["head"]
        for name in ("depth_anything", "depth_anything_metric", "depth_pro")
    ]
    assert heads == ["relative", "metric", "inverse"]


def test_a_zoedepth_that_chooses_its_kind_of_scene_is_refused(tmp_path):
    folder = save("zoedepth", depths.zoedepth(kinds=2), tmp_path / "two")
    with pytest.raises(CardError, match="must know one kind of scene, got 2, of which it chooses one"):
        export(folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
