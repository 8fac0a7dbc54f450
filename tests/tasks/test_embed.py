"""Vectors with sessions that answer as told, and the built-in look on copies of real pictures."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import CardError, ShapeError
from pixwise.picture import Picture
from pixwise.pixels import Recipe
from pixwise.registry import Card, cards, default_card
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.embed import Embedder, colours_of, edges_of, places_of
from pixwise.vectors import similarity

PICTURE = np.zeros((20, 30, 3), np.uint8)
TOKENS = np.float32([[[1, 0], [2, 2], [4, 2], [0, 2]]])  # (1, 4, 2)


def embedder(head, outputs, inputs=(), **options):
    card = Card(id="fake", task="embed", head=head, recipe=Recipe(size_hw=(8, 8)), options=options)
    raw = {name: np.asarray(array) for name, array in outputs.items()}
    return Embedder(card=card, session=FakeSession(raw, tuple(inputs)))


@pytest.mark.parametrize(
    ("head", "outputs", "wanted"),
    [
        ("image_embeds", {"last_hidden_state": TOKENS, "image_embeds": [[3.0, 4.0]]}, (0.6, 0.8)),
        ("pooler", {"last_hidden_state": TOKENS, "pooler_output": [[3.0, 4.0]]}, (0.6, 0.8)),
        ("pooler", {"image_embeds": [[0.6, 0.8]]}, (0.6, 0.8)),
        ("cls", {"last_hidden_state": TOKENS}, (1, 0)),
        ("mean_patches", {"last_hidden_state": TOKENS}, (0.5**0.5, 0.5**0.5)),
        ("pooled", {"last_hidden_state": TOKENS, "pooler_output": [[3.0, 4.0]]}, (0.6, 0.8)),
        ("pooled", {"anything": [[[[3.0]], [[4.0]]]]}, (0.6, 0.8)),
    ],
)
def test_each_head_takes_its_output_and_scales_it_to_length_1(head, outputs, wanted):
    found = embedder(head, outputs)(PICTURE)
    assert (found.vector.dtype, found.dimension) == (np.float32, 2)
    np.testing.assert_allclose(found.vector, wanted, atol=1e-6)


def test_tokens_that_are_no_patches_are_left_out_of_the_mean():
    found = embedder("mean_patches", {"last_hidden_state": TOKENS}, first_patch=3)(PICTURE)
    np.testing.assert_allclose(found.vector, (0, 1), atol=1e-6)


def test_half_precision_outputs_do_not_overflow():
    found = embedder("pooler", {"pooler_output": np.float16([[30_000, 40_000]])})(PICTURE)
    np.testing.assert_allclose(found.vector, (0.6, 0.8), atol=1e-3)


@pytest.mark.parametrize(
    ("head", "outputs", "words"),
    [
        ("image_embeds", {"logits": [[1.0]]}, "must contain 'image_embeds', got logits; check the head of its card"),
        ("pooler", {"a": [[1.0]]}, "must contain 'pooler_output' or 'image_embeds', got a"),
        ("pooled", {"a": [[1.0]], "b": [[1.0]]}, "must contain 'pooler_output', got a, b"),
        ("pooled", {"a": np.ones((1, 2, 3, 3))}, r"output 'a' must have one vector per picture, got \(1, 2, 3, 3\)"),
        ("cls", {"pooler_output": [[1.0]]}, r"must contain 'last_hidden_state' \(n, tokens, D\), got pooler_output"),
        ("pooled", {"a": [[0.0, 0.0]]}, "must be finite and not 0 throughout, got one that is not; check the model"),
        ("pooled", {"a": [[np.nan, 0.0]]}, "must be finite and not 0 throughout"),
    ],
)
def test_outputs_that_do_not_fit_the_head_are_named(head, outputs, words):
    with pytest.raises(ShapeError, match=words):
        embedder(head, outputs)(PICTURE)


def test_a_joint_export_that_wants_words_is_refused_before_it_runs():
    inputs = [Tensor("input_ids", (-1, 77), "int64"), Tensor("pixel_values", (-1, 3, 8, 8), "float")]
    with pytest.raises(CardError, match=r"must take pixels only, got inputs input_ids, pixel_values; use its vision_m"):
        embedder("image_embeds", {}, inputs)


def test_the_default_is_permissive_and_its_file_has_a_hash_that_was_seen():
    card = default_card("embed")
    assert (card.id, card.licence, card.verified) == ("clip-b32", "MIT", True)
    assert default_card("embed", "builtin").id == "look"


def test_a_file_of_another_precision_is_a_card_of_its_own_that_says_so():
    told = {card.id: card.precision for card in cards("embed") if "int8" in "".join(file.path for file in card.files)}
    assert told == {"clip-b32-int8": "int8"}


# The built-in look


@pytest.fixture(scope="module")
def look():
    return Embedder.load("look", threads=1)


def test_look_is_a_unit_vector_that_is_always_the_same(look):
    found = look(photo_like(300, 400))
    assert (found.dimension, found.model.id) == (356, "look")
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-6)
    assert look(photo_like(300, 400)) == found


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_pictures_without_content_have_a_look_too(look, grey):
    flat = look(np.full((50, 70, 3), grey, np.uint8))
    noisy = look(np.clip(np.random.default_rng(0).normal(grey, 1, (50, 70, 3)), 0, 255).astype(np.uint8))
    assert similarity(flat, noisy) > 0.95
    assert similarity(flat, look(photo_like(50, 70))) < 0.8


def test_colours_do_not_jump_between_bins():
    near = [colours_of(np.full((4, 4, 3), (level, 10.0, 20.0))) for level in np.linspace(20, 80, 400)]
    assert min(float(a @ b) for a, b in pairwise(near)) > 0.99  # of a hard edge it would be 0
    assert [float(each @ each) for each in near] == pytest.approx([1] * 400)


def test_places_and_edges_see_where_and_which_way():
    half = np.zeros((64, 64, 3))
    half[:32] = (80, 30, 30)
    assert float(places_of(half) @ places_of(half[::-1])) < 0.1
    stripes = 50 + 40 * np.sin(np.arange(64) / 3)[None].repeat(64, axis=0)
    assert float(edges_of(stripes) @ edges_of(stripes)) > 0.9
    assert float(edges_of(stripes) @ edges_of(stripes.T)) < 0
    slope = np.linspace(0, 100, 64)[None].repeat(64, axis=0)
    assert float(edges_of(slope) @ edges_of(100 - slope)) > 0.9  # dark to light is light to dark


def jpeg(image, quality=60, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def turned(image):
    """The picture lying on its side, and the EXIF tag that stands it up again."""
    exif = Image.Exif()
    exif[0x112] = 6
    return jpeg(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


COPIES = {
    "encoded again": lambda image: jpeg(image, 40),
    "at half the size": lambda image: jpeg(image.resize((-(-image.width // 2), -(-image.height // 2)))),
    "as a thumbnail": lambda image: jpeg(image.resize((160, max(1, round(160 * image.height / image.width))))),
    "turned by EXIF": turned,
}
SAME = {"burger-224.png"}  # of burger.jpg a copy itself


@pytest.fixture(scope="module")
def album(assets, look):
    """Pictures of the assets with their looks."""
    data = assets / "data"
    files = [*data.glob("coco/images/*.jpg"), *data.glob("pets/*.jpg"), *data.glob("photos/*.*g")]
    files = [file for file in sorted(files) if file.name not in SAME]
    return files, look(files)


@pytest.mark.assets
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_nearer_to_its_picture_than_to_any_other(look, album, kind):
    files, answers = album
    copies = look([COPIES[kind](Picture.open(file).image()) for file in files])
    cosines = similarity(copies, answers)  # a row per copy
    assert len(files) > 40
    assert [files[i].name for i in cosines.argmax(axis=1)] == [file.name for file in files]
    assert cosines.diagonal().min() > (0.85 if kind == "as a thumbnail" else 0.95)


@pytest.mark.assets
def test_looks_of_different_pictures_differ(album):
    _, answers = album
    others = similarity(answers, answers)[np.triu_indices(len(answers), 1)]
    assert np.quantile(others, 0.5) < 0.3
    assert np.quantile(others, 0.99) < 0.8
