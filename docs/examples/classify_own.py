"""A classifier of one's own: a folder in Hugging Face form, here with the smallest model there can be.

It answers how red, green and blue a picture is on average. Yours comes from an exporter; the folder looks the same.
"""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

import pixwise as px

folder = Path("colours")
(folder / "onnx").mkdir(parents=True, exist_ok=True)
nodes = [
    helper.make_node("GlobalAveragePool", ["pixel_values"], ["means"]),  # (n, 3, 1, 1)
    helper.make_node("Flatten", ["means"], ["logits"]),  # (n, 3)
]
takes = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 32, 32])
gives = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])
graph = helper.make_graph(nodes, "colours", [takes], [gives])
onnx.save(
    helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), folder / "onnx/model.onnx"
)

config = {"architectures": ["ViTForImageClassification"], "id2label": {"0": "red", "1": "green", "2": "blue"}}
pixels = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
(folder / "config.json").write_text(json.dumps(config))
(folder / "preprocessor_config.json").write_text(json.dumps(pixels))

scene = Path(__file__).parents[2] / "examples" / "scene.png"
for row in px.classify(scene, model="./colours", top=3):
    print(f"{row.label:6} {row.score:.2f}")
