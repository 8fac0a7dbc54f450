"""A tiny face recogniser in the form of SFace's file, random weights: what OpenCV's FaceRecognizerSF can open."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from pixwise.samples import photo_like

__all__ = ["save"]

CARD = """
id = "tiny-face"
task = "identify"
head = "vector"
licence = "Apache-2.0"
[options]
threshold = 0.5
threshold_source = "made up"
[input]
size_hw = [112, 112]
resample = "linear"
channels = "{channels}"
scale = 1.0
[[files]]
part = "model"
path = "tiny.onnx"
"""


def save(folder: Path, *, channels: str = "RGB", seed: int = 0) -> Path:
    """A folder with the model and its card; (1, 3, 112, 112) of 0 to 255, a batch of one as SFace has it."""
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text(CARD.format(channels=channels))
    weights = _weights(seed)
    onnx.save(_model(weights), folder / "tiny.onnx")
    session = onnxruntime.InferenceSession(folder / "tiny.onnx", providers=["CPUExecutionProvider"])
    seen = [photo_like(112, 112, number).transpose(2, 0, 1)[None].astype(np.float32) for number in range(8)]
    # Without their mean the vectors of all pictures would nearly be one: any fault would pass.
    weights["shift"] = -np.mean([session.run(None, {"data": each})[0] for each in seen], axis=0)
    onnx.save(_model(weights), folder / "tiny.onnx")
    return folder


def _weights(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {"first": (16, 3, 7, 7), "second": (32, 16, 5, 5), "last": (32 * 7 * 7, 128)}
    drawn = {name: random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    drawn |= {"mean": np.array([127.5]), "scale": np.array([1 / 128]), "shift": np.zeros((1, 128))}
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def _model(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    node = helper.make_node
    nodes = [
        node("Sub", ["data", "mean"], ["a"]),
        node("Mul", ["a", "scale"], ["b"]),
        node("Conv", ["b", "first"], ["c"], strides=[4, 4], pads=[3, 3, 3, 3]),
        node("Relu", ["c"], ["d"]),
        node("Conv", ["d", "second"], ["e"], strides=[4, 4], pads=[2, 2, 2, 2]),
        node("Relu", ["e"], ["f"]),
        node("Flatten", ["f"], ["g"]),
        node("MatMul", ["g", "last"], ["h"]),
        node("Add", ["h", "shift"], ["fc1"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [value("fc1", TensorProto.FLOAT, [1, 128])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
