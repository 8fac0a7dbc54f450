"""Classes of pixels: rows, options, heads, and outputs that are no maps."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.loading import load_model
from pixwise.results import result_from_dict
from pixwise.session import FakeSession
from pixwise.tasks.semantic import SemanticSegmenter

CARD = replace(registry.card("deeplab-v3"), names=("background", "sky", "", "tree"))
PICTURE = np.zeros((60, 80, 3), np.uint8)


def asked(output, name="logits", head="channels_last", **options):
    card = replace(CARD, head=head, options={"nothing": "background", **options.pop("more", {})})
    return SemanticSegmenter(card=card, session=FakeSession({name: output}), **options)(PICTURE)


def halves(*ids):
    """(1, 4, 4, 4) logits in which vertical stripes are of these classes."""
    logits = np.zeros((1, 4, len(ids), 4), np.float32)
    for column, id in enumerate(ids):
        logits[0, :, column, id] = 9
    return logits


def test_rows_are_the_classes_the_largest_first():
    answer = asked(halves(1, 1, 1, 3))
    assert answer.labels == ("sky", "tree")
    assert answer.shares.sum() == pytest.approx(1)
    assert answer.ids().shape == (60, 80)
    assert answer.ids()[0, [0, -1]].tolist() == [1, 3]


def test_what_is_nothing_or_has_no_name_has_no_row_and_stays_in_the_map():
    answer = asked(halves(0, 0, 2, 1))
    assert answer.labels == ("sky",)
    assert set(np.unique(answer.ids())) == {0, 1, 2}


def test_small_classes_can_be_left_out():
    assert asked(halves(1, 1, 1, 3), min_share=0.4).labels == ("sky",)


def test_masks_are_asked_by_label_or_id():
    answer = asked(halves(1, 1, 1, 3))
    assert answer.mask("sky").area + answer.mask(3).area == 60 * 80
    with pytest.raises(OptionError, match="did you mean 'tree'"):
        answer.mask("tre")


def test_it_goes_there_and_back_as_json():
    answer = asked(halves(1, 1, 1, 3))
    assert result_from_dict(answer.to_dict()) == answer


@pytest.mark.parametrize("head", ["channels_first", "ids"])
def test_other_heads_say_the_same(head):
    logits = halves(1, 1, 3, 3)
    output = logits.transpose(0, 3, 1, 2) if head == "channels_first" else logits.argmax(-1)
    assert np.array_equal(asked(output, head=head).ids(), asked(logits).ids())


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.zeros((1, 4, 4), np.float32), "must be maps channels_last"),
        (np.zeros((1, 4, 4, 9), np.float32), "must have 4 classes, one per label, got 9"),
        (np.full((1, 4, 4, 4), np.nan, np.float32), "must be finite"),
        (np.zeros((1, 0, 4, 4), np.float32), "must be maps"),
    ],
)
def test_outputs_that_are_no_maps_are_told(output, said):
    with pytest.raises(ShapeError, match=said):
        asked(output)


def test_a_card_that_names_no_output_of_the_model_is_told():
    with pytest.raises(CardError, match="must have the output 'maps', got logits"):
        asked(halves(1, 1), more={"output": "maps"})


def test_a_card_that_crops_is_refused():
    with pytest.raises(CardError, match="what is cropped away would have no class"):
        SemanticSegmenter(
            card=replace(CARD, recipe=replace(CARD.recipe, crop_hw=(9, 9))), session=FakeSession({"logits": halves(1)})
        )


def test_another_picture_is_refused_for_drawing():
    with pytest.raises(ShapeError, match="must be 80 x 60"):
        asked(halves(1, 1)).draw(np.zeros((9, 9, 3), np.uint8))


@pytest.fixture
def deeplab(assets, tmp_path):
    (tmp_path / "model.onnx").symlink_to(assets / "models/deeplab_v3_1_default_1.onnx")
    real = registry.card("deeplab-v3")
    card = replace(real, folder=str(tmp_path), files=(registry.CardFile("model.onnx", "model"),))
    return SemanticSegmenter(card=card, session=load_model(card, threads=1))


@pytest.mark.assets
def test_deeplab_finds_the_pets(assets, deeplab):
    """Either animal counts: the small model takes some cats for dogs. Overlaps must not fall below what they were."""
    pets, overlaps = assets / "data/pets", []
    for pet in json.loads((pets / "corpus.json").read_text()):
        ids = deeplab(pets / pet["file"]).ids()
        found = np.isin(ids, [deeplab.card.names.index(animal) for animal in ("cat", "dog")])
        truth = np.asarray(Image.open(pets / pet["mask_file"]).convert("L")) > 127
        overlaps.append((found & truth).sum() / (found | truth).sum())
    assert np.mean(overlaps) > 0.64
    assert np.median(overlaps) > 0.72


@pytest.mark.assets
def test_deeplab_agrees_with_a_map_that_another_runtime_made(assets, deeplab):
    """TensorFlow Lite's own answer to this picture, by weights of another version: ids times ten."""
    golden = np.asarray(Image.open(assets / "data/photos/segmentation_golden_rotation0.png")).astype(int)
    ids = deeplab(assets / "data/photos/segmentation_input_rotation0.jpg").ids().astype(int)
    assert (10 * ids == golden).mean() > 0.96
    assert (10 * np.roll(ids, 12, axis=1) == golden).mean() < 0.96
