"""A depth model that takes light for near, as a user's folder: one operator, written without torch."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write_depth(folder: Path, kind: str = "relative") -> Path:
    """Depth Anything's configs, and the mean of the channels plus three."""
    (folder / "onnx").mkdir(parents=True)
    config = {"model_type": "depth_anything", "architectures": ["DepthAnythingForDepthEstimation"]}
    (folder / "config.json").write_text(json.dumps({**config, "depth_estimation_type": kind}))
    size = {"size": {"height": 126, "width": 126}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "DPTImageProcessor", **size}))
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values", "axes"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "three"], ["predicted_depth"]),
    ]
    graph = helper.make_graph(
        nodes,
        "depth",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, ["b", "h", "w"])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
            helper.make_tensor("three", TensorProto.FLOAT, [1], [3]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, folder / "onnx" / "model.onnx")
    return folder
