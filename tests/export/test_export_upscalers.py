"""Swin2SR as a folder: its card, sizes that may vary, half precision, and the same picture as before."""

import json
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from oracle import tiny, upscalers
from PIL import Image
from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil

from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.samples import photo_like
from pixwise.tasks.upscale import Upscaler

PIXELS = photo_like(45, 70, seed=9)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        model = upscalers.make(name)
        with quiet():
            model.save_pretrained(folder / "checkpoint")
        processor = Swin2SRImageProcessorPil().to_dict()
        (folder / "checkpoint" / "preprocessor_config.json").write_text(json.dumps(processor))
        done = export(folder / "checkpoint", folder / "out")
        return SimpleNamespace(model=model, source=folder / "checkpoint", done=done)

    return tiny.made_once(made, tmp_path_factory)


def reference(model):
    with torch.no_grad():
        made = model(**Swin2SRImageProcessorPil()(Image.fromarray(PIXELS), return_tensors="pt")).reconstruction
    made = made[0, :, : 45 * model.upscale, : 70 * model.upscale].clamp(0, 1).numpy()
    return (made.transpose(1, 2, 0) * 255).round()


@pytest.mark.parametrize("name", ["pixelshuffledirect", "nearest+conv"])
def test_the_folder_gives_the_checkpoints_picture(case, name):
    made = Upscaler.load(str(case(name).done.folder), threads=1)(PIXELS)
    assert made.scale == upscalers.KINDS[name]
    assert np.abs(made.pixels() - reference(case(name).model)).max() <= 1


def test_the_card_tells_scale_and_padding(case):
    card = tomllib.loads((case("pixelshuffledirect").done.folder / "card.toml").read_text())
    assert (card["task"], card["head"]) == ("upscale", "rgb_shares")
    assert card["options"] == {"scale": 2, "output": "reconstruction"}
    told = {key: card["input"][key] for key in ("resize", "pad", "pad_multiple", "pad_least", "pad_with")}
    assert told == {"resize": "none", "pad": "corner", "pad_multiple": 8, "pad_least": 1, "pad_with": "mirror"}


def test_runs_of_two_sizes_were_compared(case):
    [row] = [row for row in case("pixelshuffledirect").done.differences if row.output == "reconstruction"]
    assert row.shapes == "2x3x80x96, 3x3x88x72, 1x3x80x96"
    assert row.share < 1e-4


def test_half_precision_gives_nearly_the_same_picture(case, tmp_path):
    done = export(case("pixelshuffledirect").source, tmp_path / "half", precision="fp16")
    made = Upscaler.load(str(done.folder), threads=1)(PIXELS).pixels()
    found = np.abs(made - reference(case("pixelshuffledirect").model))
    assert found.max() <= 2
    assert found.mean() < 0.1
