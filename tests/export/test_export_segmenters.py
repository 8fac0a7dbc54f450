"""SAM and SAM 2 as folders: what is in them, smaller weights, what is refused."""

import json
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import transformers
from oracle import segmenters, tiny

from pixwise.errors import ModelFileError
from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.samples import photo_like
from pixwise.tasks.segment import Segmenter


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        with quiet():
            segmenters.make(name).save_pretrained(folder / "checkpoint")
        (folder / "checkpoint" / "preprocessor_config.json").write_text(json.dumps(segmenters.PROCESSORS[name]))
        lines = []
        done = export(folder / "checkpoint", folder / "out", progress=lines.append)
        return SimpleNamespace(source=folder / "checkpoint", done=done, lines=lines)

    return tiny.made_once(made, tmp_path_factory)


@pytest.mark.parametrize(("name", "head"), [("sam", "sam_tokens"), ("sam2", "sam2_tokens")])
def test_the_card_tells_parts_and_form(case, name, head):
    card = tomllib.loads((case(name).done.folder / "card.toml").read_text())
    assert [file["part"] for file in card["files"] if "part" in file] == ["encoder", "decoder"]
    assert (card["task"], card["head"], card["options"]) == ("segment", head, {"together": True})


def test_the_padded_square_is_in_the_card_and_its_pixels_were_compared(case):
    recipe = tomllib.loads((case("sam").done.folder / "card.toml").read_text())["input"]
    assert (recipe["resize"], recipe["rounding"], recipe["pad"]) == ("longest", "nearest", "corner")
    assert case("sam").lines[1].startswith("pixels differ by 0.0e+00")


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_every_output_is_the_checkpoints_own(case, name):
    rows = {row.output: row.share for row in case(name).done.differences if row.part == "decoder"}
    assert set(rows) == {"masks", "iou_predictions"}
    assert max(rows.values()) < 1e-4


def test_16_bits_give_nearly_the_same_masks(case, tmp_path):
    small = export(case("sam2").source, tmp_path / "small", precision="fp16").folder
    picture = photo_like(97, 151, 1)
    a, b = (Segmenter.load(folder)(picture)[0].mask.open() for folder in (case("sam2").done.folder, small))
    assert (a & b).sum() / (a | b).sum() > 0.95


def test_an_export_that_answers_otherwise_is_not_written(case, tmp_path):
    with pytest.raises(ModelFileError, match=r"must answer as the checkpoint within 0, got .* nothing was written"):
        export(case("sam").source, tmp_path / "out", tolerance=0.0)
    assert list(tmp_path.iterdir()) == []


def test_the_checkpoint_of_a_video_model_is_one_of_pictures(tmp_path):
    """The hub's SAM 2 say `sam2_video`: its weights hold those for pictures under the same names."""
    config = segmenters.make("sam2").config.to_dict()
    video = transformers.Sam2VideoConfig(
        vision_config=config["vision_config"],
        prompt_encoder_config=config["prompt_encoder_config"],
        mask_decoder_config=config["mask_decoder_config"],
        **segmenters.VIDEO,
    )
    with quiet():
        transformers.Sam2VideoModel(video).save_pretrained(tmp_path / "video")
    (tmp_path / "video" / "preprocessor_config.json").write_text(json.dumps(segmenters.PROCESSORS["sam2"]))
    done = export(tmp_path / "video", tmp_path / "out")
    assert (done.family, done.task) == ("SAM 2", "segment")
    assert np.isfinite(Segmenter.load(done.folder)(photo_like(60, 80)).scores).all()
