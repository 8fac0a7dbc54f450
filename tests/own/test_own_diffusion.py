"""Cards of folders in diffusers' layout."""

import json

import pytest

from pixwise.errors import CardError
from pixwise.loading import load_card

UNET = {"_class_name": "UNet2DModel", "sample_size": 32, "in_channels": 3, "out_channels": 3}
SCHEDULER = {"_class_name": "DDPMScheduler"}


@pytest.fixture
def folder(tmp_path):
    """`folder(**files)` writes those, a None takes one of the usual away."""

    def made(usual=None, **changed):
        files = {
            "model_index.json": {"_class_name": "DDPMPipeline"},
            "unet/config.json": UNET,
            "unet/model.onnx": {},
            "scheduler/scheduler_config.json": SCHEDULER,
        } | (usual or {})
        place = tmp_path / "toy"
        for name, content in (files | changed).items():
            if content is not None:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    return made


def test_unet_and_scheduler_are_the_parts(folder):
    card = load_card(folder({"unet/model.onnx_data": ""}), "generate")
    assert [(file.part, file.path) for file in card.files] == [
        ("model", "unet/model.onnx"),
        ("scheduler", "scheduler/scheduler_config.json"),
        ("", "unet/model.onnx_data"),
    ]
    assert (card.id, card.task, card.head, card.recipe.size_hw) == ("toy", "generate", "ddpm", (32, 32))


def test_the_layout_of_older_repositories_is_known_too(folder):
    """Both configs beside `model_index.json`."""
    taken = dict.fromkeys(("unet/config.json", "scheduler/scheduler_config.json", "unet/model.onnx"))
    flat = {"config.json": {**UNET, "sample_size": [16, 24]}, "scheduler_config.json": SCHEDULER, "model.onnx": ""}
    card = load_card(folder({**taken, **flat}), "generate")
    assert ([file.path for file in card.files], card.recipe.size_hw) == (
        ["model.onnx", "scheduler_config.json"],
        (16, 24),
    )


def test_one_of_several_files_may_be_named(folder):  # beside it lies a config of the UNet alone
    place = folder({"unet/model_fp16.onnx": ""})
    assert load_card(place, "generate").files[0].path == "unet/model.onnx"
    assert load_card(place / "unet" / "model_fp16.onnx", "generate").files[0].path == "unet/model_fp16.onnx"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"scheduler/scheduler_config.json": None}, "expected scheduler/scheduler_config.json, got none; copy it"),
        ({"unet/config.json": None}, "expected unet/config.json, got none; copy it"),
        ({"unet/model.onnx": None}, "expected unet/model.onnx, got none; pixwise export makes"),
        ({"unet/model.onnx": None, "a.onnx": "", "b.onnx": ""}, r"single ONNX file, got 2 \(a.onnx, b.onnx\); name"),
        ({"unet/config.json": "{"}, "config.json: expected JSON, got"),
        ({"unet/config.json": {**UNET, "_class_name": "UNet2DConditionModel"}}, "must be 'UNet2DModel', got 'UNet2DC"),
        ({"unet/config.json": {**UNET, "num_class_embeds": 10}}, "must need nothing but noise, got one that is told"),
        ({"unet/config.json": {**UNET, "out_channels": 6}}, "must be both 3, or both 1, got 3 and 6"),
        ({"unet/config.json": {**UNET, "in_channels": 4, "out_channels": 4}}, "both 3, or both 1, got 4 and 4"),
        ({"unet/config.json": {**UNET, "sample_size": None}}, "sample_size must be a side, or .*, got None; add it"),
        ({"unet/config.json": {**UNET, "sample_size": [32]}}, r"sample_size must be a side, or .*, got \[32\]"),
    ],
)
def test_what_is_missing_or_odd_is_told(folder, files, words):
    with pytest.raises(CardError, match=words):
        load_card(folder(files), "generate")


def test_another_task_is_refused(folder):
    with pytest.raises(CardError, match="toy: model must answer 'detect', got one for 'generate'"):
        load_card(folder(), "detect")


def test_a_model_of_another_task_is_refused_for_this_one(tmp_path):
    config = {"architectures": ["RTDetrForObjectDetection"], "model_type": "rt_detr"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CardError, match=r"must answer 'generate' .* got one for 'detect'"):
        load_card(tmp_path, "generate")
