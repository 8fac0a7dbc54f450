"""From a hub on loopback to an answer, in one command."""

import json
from pathlib import Path

import onnx
import pytest
from hub_server import Fault
from onnx import TensorProto, helper
from PIL import Image

from pixwise import registry
from pixwise.pixels import Recipe
from pixwise.pool import Pool
from pixwise.registry import Card, CardFile
from pixwise.tasks.classify import Classifier


def mean_colour() -> bytes:
    """A model that says how much red, green and blue there is."""
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    node = helper.make_node("ReduceMean", ["pixel_values", "axes"], ["logits"], keepdims=0)
    graph = helper.make_graph([node], "g", [pixels], [logits], [axes])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


CONFIG = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "id2label": {"0": "red", "1": "green", "2": "blue"},
}
PROCESSOR = {"do_resize": True, "size": {"height": 8, "width": 8}, "do_rescale": True, "do_normalize": False}


@pytest.fixture
def colours(hub):
    """`hf:me/colours` on a hub."""
    files = {"config.json": CONFIG, "preprocessor_config.json": PROCESSOR}
    documents = {name: json.dumps(document).encode() for name, document in files.items()}
    assert onnx.load_from_string(mean_colour())
    hub.add("me/colours", documents | {"onnx/model.onnx": mean_colour()})
    for name, rgb in (("green", (0, 255, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (20, 20), rgb).save(f"{name}.png")
    return hub


def test_a_model_of_the_hub_is_fetched_and_answers_all_inputs(online, colours):
    code, out, err = online("classify", "green.png", "blue.png", "--model", "hf:me/colours", "--json", "--top", 1)
    assert (code, err) == (0, "")
    assert [answer["classes"][0]["label"] for answer in json.loads(out)] == ["green", "blue"]


def test_the_second_time_no_socket_is_needed(online, colours):
    online("classify", "green.png", "--model", "hf:me/colours")
    asked = len(colours.log)
    code, out, err = online("classify", "green.png", "--model", "hf:me/colours", "--offline")
    assert (code, err, len(colours.log)) == (0, "", asked)
    assert out.splitlines()[2].split()[0] == "green"


def test_a_model_that_cannot_be_fetched_is_one_line_and_code_3_and_writes_nothing(online, colours):
    colours.faults.append(Fault("model.onnx", status=404, times=-1))
    code, out, err = online("classify", "green.png", "--model", "hf:me/colours", "-o", "all.json")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert not Path("all.json").exists()


def test_an_answer_tells_the_commit_that_the_first_fetch_pinned(online, colours, monkeypatch):
    files, recipe = (CardFile("onnx/model.onnx", "model"),), Recipe(size_hw=(8, 8))
    card = Card(id="colours", task="classify", head="softmax", repo="me/colours", files=files, recipe=recipe)
    monkeypatch.setitem(registry._all_cards(), "colours", card)
    told = json.loads(online("classify", "green.png", "--model", "colours", "--json")[1])["model"]["revision"]
    assert len(told) == 40
    assert Classifier.load("colours", offline=True)("green.png").model.revision == told
    assert Pool().task("classify", "colours", offline=True)("green.png").model.revision == told
