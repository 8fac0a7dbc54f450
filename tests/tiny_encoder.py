"""A picture encoder of a few kilobytes that is made of products of matrices, as transformers are; no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CARD = """
task = "embed"
head = "image_embeds"
input = { size_hw = [16, 16], resize = "stretch" }
"""


def write_encoder(folder: Path, seed: int = 0) -> Path:
    """A folder for `embed`: (n, 3, 16, 16) pixels → two layers → (n, 24)."""
    draw = np.random.default_rng(seed)
    weights = {
        name: draw.normal(0, 1 / shape[0] ** 0.5, shape).astype(np.float32)
        for name, shape in {"first": (768, 64), "second": (64, 24)}.items()
    }
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    held.append(numpy_helper.from_array(np.array([-1, 768]), "flat"))
    nodes = [
        helper.make_node("Reshape", ["pixel_values", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "first"], ["hidden"]),
        helper.make_node("Tanh", ["hidden"], ["bent"]),
        helper.make_node("MatMul", ["bent", "second"], ["image_embeds"]),
    ]
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 16, 16])
    vector = helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["n", 24])
    graph = helper.make_graph(nodes, "encoder", [pixels], [vector], held)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), folder / "model.onnx"
    )
    (folder / "card.toml").write_text(CARD)
    return folder
