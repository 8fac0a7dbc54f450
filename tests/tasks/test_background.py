"""`background`: from what a model says to a matte of the picture."""

import numpy as np
import pytest
from PIL import Image

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.results import Matte, result_from_dict
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.background import BackgroundRemover

INPUTS = (Tensor("input_image", (-1, 3, -1, -1), "float32"),)
CARD = {"id": "mine", "task": "background", "head": "logits", "input": {"size_hw": [40, 40]}}


def remover(answer, card=CARD, **options):
    card = registry.card_from_table(card, "here") if isinstance(card, dict) else registry.card(card)
    return BackgroundRemover(card=card, session=FakeSession(answer, INPUTS), **options)


def left_half(logit=9.0, size=40):
    logits = np.full((1, 1, size, size), -logit, np.float32)
    logits[..., : size // 2] = logit
    return logits


def test_the_matte_has_the_size_of_the_picture():
    matte = remover({"out": left_half()})(photo_like(60, 90))
    assert matte.mask().shape == (60, 90)
    assert (matte.mask()[:, :40].min(), matte.mask()[:, 50:].max()) == (255, 0)
    assert matte.box.tolist() == [0, 0, 45, 60]


def test_the_sigmoid_is_applied_once():
    logits = np.full((1, 1, 40, 40), -2.0, np.float32)
    assert set(remover({"out": logits})(photo_like(40, 40)).mask().flat) == {round(255 / (1 + np.exp(2)))}


def test_shares_in_a_head_of_logits_are_refused():
    shares = np.linspace(0, 1, 1600, dtype=np.float32).reshape(1, 1, 40, 40)
    with pytest.raises(
        ShapeError, match=r"must go below 0 or above 1, got 0 to 1; its card may need head = \"shares\""
    ):
        remover({"out": shares})(photo_like(40, 40))


def test_bytes_are_parts_of_255():
    out = np.full((1, 1, 40, 40), 51, np.uint8)
    assert set(remover({"out": out}, {**CARD, "head": "shares"})(photo_like(40, 40)).mask().flat) == {51}


def test_shares_are_taken_as_they_are():
    shares = np.full((1, 1, 40, 40), 0.2, np.float32)
    assert set(remover({"out": shares}, {**CARD, "head": "shares"})(photo_like(40, 40)).mask().flat) == {51}


def test_a_picture_without_a_subject_gives_an_empty_matte_and_not_noise():
    noise = np.random.default_rng(0).normal(-9, 1, (1, 1, 40, 40)).astype(np.float32)
    matte = remover({"out": noise})(photo_like(60, 90))
    assert matte.mask().max() <= 2
    assert matte.box.tolist() == [0, 0, 0, 0]


def test_logits_in_a_head_of_shares_are_refused():
    with pytest.raises(ShapeError, match=r"must be 0 to 1, got -9 to 9; its card may need head = \"logits\""):
        remover({"out": left_half()}, {**CARD, "head": "shares"})(photo_like(40, 40))


def test_nan_is_refused_and_not_read_as_background():
    with pytest.raises(ShapeError, match="output 'out' of model 'mine' must be finite, got NaN"):
        remover({"out": left_half() * np.nan})(photo_like(40, 40))


@pytest.mark.parametrize("shape", [(1, 2, 40, 40), (1, 40), (1, 1, 0, 40)], ids=str)
def test_what_is_no_single_map_is_refused(shape):
    with pytest.raises(ShapeError, match=r"must be one map \(1, 1, h, w\), got shape"):
        remover({"out": np.zeros(shape, np.float32)})(photo_like(40, 40))


def test_the_first_output_is_the_matte_unless_the_card_names_another():
    raw = {"d0": left_half(), "d1": -left_half()}
    first = remover(raw)(photo_like(40, 40))
    other = remover(raw, {**CARD, "options": {"output": "d1"}})(photo_like(40, 40))
    assert (first.mask() == 255 - other.mask()).all()
    with pytest.raises(CardError, match="must have the output 'd9', got d0, d1; mend options"):
        remover(raw, {**CARD, "options": {"output": "d9"}})(photo_like(40, 40))


def test_padding_is_no_part_of_the_matte():
    card = {**CARD, "input": {"size_hw": [40, 40], "resize": "longest", "pad": "corner", "pad_hw": [40, 40]}}
    logits = np.full((1, 1, 20, 20), 9.0, np.float32)
    logits[:, :, 10:] = -9.0  # below the picture, which is twice as wide as high
    assert remover({"out": logits}, card)(photo_like(50, 100)).mask().min() == 255


def test_a_card_that_crops_is_refused():
    with pytest.raises(CardError, match=r"input.crop_hw must be left out, got \(20, 20\); what is cropped away"):
        remover({}, {**CARD, "input": {"size_hw": [40, 40], "crop_hw": [20, 20]}})


def test_options_act_on_the_matte():
    logits = left_half()
    logits[..., 32:36, 32:36] = 9.0
    plain = remover({"out": logits})(photo_like(80, 80))
    alone = remover({"out": logits}, only_largest=True, feather=12)(photo_like(80, 80))
    assert plain.mask()[68, 68] == 255
    assert alone.mask()[68, 68] == 0
    assert 60 < alone.mask()[40, 41] < 195


def test_a_feather_out_of_range_is_refused():
    with pytest.raises(OptionError, match="feather must be a number from 0 to 1000, got -1"):
        remover({}, feather=-1)


def test_remove_mask_and_replace_are_one_call_each():
    task, picture = remover({"out": left_half()}), photo_like(60, 90)
    assert (task.remove(picture).mode, task.remove(picture).size) == ("RGBA", (90, 60))
    assert task.mask(picture).shape == (60, 90)
    assert task.replace(picture, "#ffffff").getpixel((80, 30)) == (255, 255, 255)


def test_the_picture_that_is_produced_is_the_cut_out():
    matte, picture = remover({"out": left_half()})(photo_like(60, 90)), photo_like(60, 90)
    assert matte.produced(picture).tobytes() == matte.cut(picture).tobytes()


def test_a_cut_out_is_cropped_to_the_subject_with_a_margin():
    matte, picture = remover({"out": left_half()})(photo_like(60, 90)), photo_like(60, 90)
    assert matte.cut(picture, crop=True, margin=0).size == (45, 60)
    assert matte.cut(picture, crop=True, margin=0.1).size == (51, 60)


def test_where_there_is_no_subject_all_is_transparent():
    nothing = remover({"out": np.full((1, 1, 40, 40), -30, np.float32)})(photo_like(60, 90))
    cut = nothing.cut(photo_like(60, 90), crop=True)
    assert cut.getextrema() == ((0, 0), (0, 0), (0, 0), (0, 0))


def test_a_matte_of_another_picture_is_refused():
    matte = remover({"out": left_half()})(photo_like(60, 90))
    with pytest.raises(ShapeError, match=r"picture must be 90 x 60 px like <array>, got 80 x 60"):
        matte.cut(photo_like(60, 80))


def test_a_matte_that_knows_no_picture_knows_its_size():
    with pytest.raises(ShapeError, match=r"picture must be 90 x 60 px like the matte, got 80 x 60"):
        Matte.of(np.zeros((60, 90), np.uint8)).cut(photo_like(60, 80))


def test_another_matte_tells_its_own_coverage_and_box():
    two = np.zeros((40, 60), np.uint8)
    two[10:30, 5:25], two[10:20, 40:50] = 255, 255
    matte = Matte.of(two)
    assert matte.only_largest().box.tolist() == [5, 10, 25, 30]
    assert matte.only_largest().coverage == pytest.approx(400 / 2400)
    assert matte.feathered(12).box[0] < 5


def test_a_matte_comes_back_from_json():
    matte = remover({"out": left_half()})(photo_like(60, 90))
    read = result_from_dict(matte.to_dict())
    assert (read.mask() == matte.mask()).all()
    assert read.to_dict() == matte.to_dict()


def test_the_built_in_cuts_a_thing_out_of_a_plain_ground():
    picture = np.full((300, 400, 3), (230, 228, 225), np.uint8)
    picture[80:220, 120:260] = photo_like(140, 140) // 2
    mask = BackgroundRemover.load("salient-cut").mask(picture) > 127
    truth = np.zeros((300, 400), bool)
    truth[80:220, 120:260] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97


def test_the_built_in_finds_nothing_on_an_empty_ground():
    grain = np.random.default_rng(0).normal(200, 4, (300, 400, 3)).clip(0, 255).astype(np.uint8)
    assert not BackgroundRemover.load("salient-cut").mask(grain).any()


@pytest.mark.assets
def test_the_built_in_cuts_cats_and_dogs_out_of_a_pink_ground(assets):
    mask = BackgroundRemover.load("salient-cut").mask(assets / "data/photos/cats_and_dogs.jpg")
    for x, y in ((280, 520), (480, 420), (760, 400), (990, 530)):  # cat, poodle, corgi, cat
        assert mask[y, x] > 250
    assert mask[:100].max() == 0
    assert Image.fromarray(mask).size == (1200, 600)
