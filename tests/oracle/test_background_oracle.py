"""Mattes against rembg with the same ONNX file: its published steps written down once more, and rembg where it is.

rembg is no dependency of the tests: it brings numba and scikit-image. Where it is installed it is asked too.

Excepted are two things that rembg does with a picture's own extremes: it divides the pixels by the brightest of them
instead of 255, and it stretches every matte from its smallest to its largest value. So the pictures here have a white
corner and the models give 0 and 1 somewhere, and the last test shows what the second one does without a subject.
"""

import importlib.util
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from pixwise import registry
from pixwise.loading import load_model
from pixwise.samples import photo_like
from pixwise.tasks.background import BackgroundRemover

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CASES = {  # card → size, mean, std, whether the sigmoid is left to the caller, gain with which 0 and 1 are reached
    "u2netp": (320, *IMAGENET, False, 6.0),
    "isnet": (1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), False, 20.0),
    "birefnet-lite": (1024, *IMAGENET, True, 6.0),
}
SESSIONS = {  # card → module and class of rembg, and what it calls the file
    "u2netp": ("u2netp", "U2netpSession", "u2netp.onnx"),
    "isnet": ("dis_general_use", "DisSession", "isnet-general-use.onnx"),
    "birefnet-lite": ("birefnet_general", "BiRefNetSessionGeneral", "birefnet-general.onnx"),
}
REFERENCES = ["steps", *(["rembg"] if importlib.util.find_spec("rembg") else [])]


def write_model(path, sigmoid_outside, gain=6.0, offset=0.0):
    """A network of one wide convolution: bright and red is foreground."""
    random = np.random.default_rng(0)
    kernel = (random.normal(0, 0.2, (1, 3, 9, 9)) + np.float32([1.5, 0.5, -1.0])[None, :, None, None]) / 81
    helper, last = onnx.helper, "logits" if sigmoid_outside else "matte"
    nodes = [helper.make_node("Conv", ["input_image", "kernel", "bias"], ["logits"], pads=[4, 4, 4, 4])]
    nodes += [] if sigmoid_outside else [helper.make_node("Sigmoid", ["logits"], ["matte"])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_image", 1, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info(last, 1, [1, 1, "h", "w"])],
        [
            onnx.numpy_helper.from_array((gain * kernel).astype(np.float32), "kernel"),
            onnx.numpy_helper.from_array(np.float32([offset]), "bias"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def steps_of_rembg(path, image, size, mean, std, sigmoid_outside):
    """Lanczos, by the brightest pixel, mean and std; sigmoid; from smallest to largest; bytes cut off; Lanczos back."""
    pixels = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
    tensor = ((pixels / max(pixels.max(), 1e-6) - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = session.run(None, {session.get_inputs()[0].name: tensor})[0][0, 0]
    said = 1 / (1 + np.exp(-said)) if sigmoid_outside else said
    said = (said - said.min()) / (said.max() - said.min())
    return np.asarray(Image.fromarray((said * 255).astype("uint8")).resize(image.size, Image.Resampling.LANCZOS))


def rembg_itself(path, image, name, monkeypatch):
    module, session, file = SESSIONS[name]
    shutil.copy(path, path.with_name(file))
    monkeypatch.setenv("U2NET_HOME", str(path.parent))
    known = getattr(importlib.import_module(f"rembg.sessions.{module}"), session)
    asked = known(file, onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"])
    return np.asarray(asked.predict(image)[0])


def ours(path, name, image):
    """The matte by the recipe and head of a card, and a model of ours."""
    found = registry.card(name)
    own = replace(found, folder=str(path.parent), repo="", files=(registry.CardFile(path.name, part="model"),))
    return BackgroundRemover(card=own, session=load_model(own, threads=1))(image).mask()


def photograph(seed, size_hw=(300, 420)):
    pixels = photo_like(*size_hw, seed)
    pixels[:40, :40], pixels[-40:, -40:] = 255, (0, 0, 90)  # surely foreground, surely not
    return Image.fromarray(pixels)


def apart(a, b):
    return np.abs(a.astype(int) - b.astype(int))


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_mattes_are_those_of_rembg(tmp_path, monkeypatch, name, seed, reference):
    *numbers, outside, gain = CASES[name]
    path, image = write_model(tmp_path / "model.onnx", outside, gain), photograph(seed)
    theirs = (
        steps_of_rembg(path, image, *numbers, outside)
        if reference == "steps"
        else rembg_itself(path, image, name, monkeypatch)
    )
    assert ((theirs > 20) & (theirs < 235)).mean() > 0.15  # not all is black or white
    assert apart(ours(path, name, image), theirs).mean() <= 2


def test_a_planted_fault_is_seen(tmp_path):
    path, image = write_model(tmp_path / "model.onnx", False), photograph(0)
    swapped = Image.fromarray(np.asarray(image)[..., ::-1].copy())
    theirs = steps_of_rembg(path, swapped, 320, *IMAGENET, False)
    assert apart(ours(path, "u2netp", image), theirs).mean() > 10


def test_where_there_is_no_subject_we_are_empty_and_the_stretched_matte_is_noise(tmp_path):
    path = write_model(tmp_path / "model.onnx", False, gain=0.5, offset=-7.0)
    assert ours(path, "u2netp", photograph(0)).max() <= 3
    assert steps_of_rembg(path, photograph(0), 320, *IMAGENET, False).max() > 240
