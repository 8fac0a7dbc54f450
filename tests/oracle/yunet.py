"""YuNet's file as a user would have it, and as OpenCV can open it."""

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CARD = """
id = "yunet-dynamic"
task = "faces"
head = "yunet"
licence = "Apache-2.0"
[input]
size_hw = [{side}, {side}]
resize = "longest"
enlarge = false
channels = "{channels}"
scale = 1.0
pad = "corner"
{pad}
[[files]]
part = "model"
path = "yunet.onnx"
"""
DYNAMIC, FIXED = "pad_multiple = 32", "pad_hw = [640, 640]"


def static_copy(source: Path, target: Path, height: int, width: int) -> Path:
    """The same weights for one size only: what OpenCV can open."""
    model = onnx.load(source)
    shapes = {output.name: _output_shape(output.name, height, width) for output in model.graph.output}
    for value in [*model.graph.input, *model.graph.output]:
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for length in shapes.get(value.name, (1, 3, height, width)):
            shape.dim.add().dim_value = length
    onnx.save(model, target)
    return target


def _output_shape(name: str, height: int, width: int) -> tuple[int, int, int]:
    kind, stride = name.split("_")
    cells = (height // int(stride)) * (width // int(stride))
    return 1, cells, {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}[kind]


def own_model(folder: Path, onnx_file: Path, *, pad: str = DYNAMIC, side: int = 1280, channels: str = "BGR") -> str:
    folder.mkdir()
    (folder / "yunet.onnx").write_bytes(onnx_file.read_bytes())
    (folder / "card.toml").write_text(CARD.format(side=side, channels=channels, pad=pad))
    return str(folder)


def pixels_of(assets: Path, name: str) -> np.ndarray:
    return np.array(Image.open(assets / "data" / name).convert("RGB"))


def opencv_faces(file: Path, pixels: np.ndarray) -> np.ndarray:
    """(N, 15): x, y, width, height, five landmarks xy, score; best first."""
    height, width = pixels.shape[:2]
    found = cv2.FaceDetectorYN.create(str(file), "", (width, height), 0.5, 0.3).detect(pixels[..., ::-1].copy())[1]
    return found[np.argsort(-found[:, 14], kind="stable")]


def save_constant(folder: Path, face: int = 40) -> None:
    """A detector that always finds one face, in the middle, of `face` 64ths of the picture's longer side."""
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text(CARD.format(side=64, channels="BGR", pad="pad_hw = [64, 64]"))
    arrays = {}
    for stride in (8, 16, 32):
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            arrays[f"{kind}_{stride}"] = np.zeros((1, (64 // stride) ** 2, width), np.float32)
    arrays["cls_32"][0, 0] = arrays["obj_32"][0, 0] = 0.9
    arrays["bbox_32"][0, 0] = [1, 1, *np.log([face / 32] * 2)]
    within = np.float32([[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.3], [0.15, 0.3]])
    arrays["kps_32"][0, 0] = (1 + within * face / 32).reshape(-1)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(arrays[name])) for name in arrays],
        "constant",
        [value("input", TensorProto.FLOAT, [1, 3, 64, 64])],
        [value(name, TensorProto.FLOAT, array.shape) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "yunet.onnx")
