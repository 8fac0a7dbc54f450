"""VideoMAE, TimeSformer and ViViT as folders: what is in them, any batch, smaller weights, what is refused."""

import json
import tomllib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from oracle import clips, tiny

from pixwise.errors import ModelFileError, OptionError
from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.tasks.action import ActionRecognizer

FRAMES = {"videomae": 16, "timesformer": 8, "vivit": 32}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        model = clips.make(name)
        with quiet():
            model.save_pretrained(folder / "checkpoint")
        told = json.dumps(clips.PROCESSORS[name].to_dict(), default=str)
        (folder / "checkpoint" / "preprocessor_config.json").write_text(told)
        lines = []
        done = export(folder / "checkpoint", folder / "out", progress=lines.append)
        return SimpleNamespace(source=folder / "checkpoint", done=done, lines=lines)

    return tiny.made_once(made, tmp_path_factory)


def scores(folder, clip, **options):
    answer = ActionRecognizer.load(str(folder), threads=1, top=0, min_score=0.0, **options)(clip)
    return answer.scores[np.argsort(answer.label_ids)]


@pytest.mark.parametrize("name", FRAMES)
def test_the_card_tells_task_head_frames_and_labels(case, name):
    card = tomllib.loads((case(name).done.folder / "card.toml").read_text())
    assert (card["task"], card["head"], card["options"]) == ("action", "softmax", {"frames": FRAMES[name]})
    assert card["names"] == [f"deed {index}" for index in range(7)]


@pytest.mark.parametrize("name", FRAMES)
def test_batches_of_one_two_and_three_clips_answer_as_the_checkpoint(case, name):
    [row] = [row for row in case(name).done.differences if row.part == "model"]
    shape = f"{FRAMES[name]}x3x48x48"
    assert (row.output, row.shapes) == ("logits", f"2x{shape}, 3x{shape}, 1x{shape}")
    assert row.share < 1e-4


@pytest.mark.parametrize("name", FRAMES)
def test_pixels_are_compared_with_the_own_processor_of_clips(case, name):
    row = case(name).done.differences[0]
    assert (row.part, row.shapes) == ("recipe", "1x3x48x48")
    assert row.share < 1e-5


@pytest.mark.parametrize("name", FRAMES)
def test_16_bits_give_nearly_the_same_scores(case, name, tmp_path):
    small = export(case(name).source, tmp_path / "small", precision="fp16").folder
    clip = clips.photo_clip(40, 97, 131, 3)
    np.testing.assert_allclose(scores(small, clip), scores(case(name).done.folder, clip), atol=5e-3)


def test_another_number_of_frames_is_refused_before_anything_runs(case):
    with pytest.raises(OptionError, match="frames of model 'out' must be 16, got 8; leave it out"):
        ActionRecognizer.load(str(case("videomae").done.folder), frames=8)


def test_a_file_that_mixes_up_the_frames_is_seen(case, tmp_path):
    from pixwise.export.families import FAMILIES

    [family] = [family for family in FAMILIES if family.title == "VideoMAE"]

    def reversed_parts(given):
        [part] = family.parts(given)
        told = part.wrapper.answer
        part.wrapper.answer = lambda pixels: told(pixels.flip(1))
        return [part]

    with pytest.raises(ModelFileError, match=r"must answer as the checkpoint within 0.001, got .* nothing was written"):
        export(case("videomae").source, tmp_path / "out", families=[family._replace(parts=reversed_parts)])
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_card_is_read_by_its_configs(case, tmp_path):
    folder = clips.save("timesformer", clips.make("timesformer"), tmp_path / "own")
    (folder / "preprocessor_config.json").rename(folder / "video_preprocessor_config.json")
    told = json.loads((folder / "video_preprocessor_config.json").read_text())
    told["video_processor_type"] = told.pop("image_processor_type").replace("Image", "Video")
    (folder / "video_preprocessor_config.json").write_text(json.dumps(told))
    card, exported = (ActionRecognizer.load(str(each)).card for each in (folder, case("timesformer").done.folder))
    assert card.options == exported.options
    assert replace(card.recipe, mean=exported.recipe.mean) == exported.recipe
