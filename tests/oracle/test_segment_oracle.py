"""Segment against transformers: SAM and SAM 2 with the same random weights, exported, and in the form of the hub."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from oracle import segmenters, tiny
from PIL import Image

from pixwise import registry
from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.masks import Mask
from pixwise.masks import iou as mask_iou
from pixwise.picture import Picture
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.segment import Segmenter

SIDE = segmenters.SIDE
PICTURES = {"wide": photo_like(97, 151, 1), "tall": photo_like(260, 190, 2), "square": photo_like(64, 64, 3)}
PROMPTS = {
    "centre": {},
    "point": {"points": [(40, 30)]},
    "points": {"points": [(40, 30), (10, 55), (60.5, 20.25)], "labels": [1, 0, 1]},
    "box": {"box": (8, 10, 50, 60)},
    "box and points": {"box": (8, 10, 50, 60), "points": [(40, 30), (12, 50)], "labels": [1, 0]},
    "objects": {"points": [[(40, 30), (5, 5)], [(10, 55), (9, 9)]], "labels": [[1, 0], [1, 1]]},
    "boxes": {"box": [(8, 10, 50, 60), (0, 0, 30, 20)]},
}
NAMES = ("sam", "sam2")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        model, checkpoint = segmenters.make(name), folder / "checkpoint"
        with quiet():
            model.save_pretrained(checkpoint)
        (checkpoint / "preprocessor_config.json").write_text(json.dumps(segmenters.PROCESSORS[name]))
        export(checkpoint, folder / name)
        return SimpleNamespace(name=name, model=model, folder=folder / name)

    return tiny.made_once(made, tmp_path_factory)


def fitted_hw(name, picture):
    """The size of the picture in the tensor."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    return (int(height * scale + 0.5), int(width * scale + 0.5)) if name == "sam" else (SIDE, SIDE)


def reference(case, picture, points=(), labels=(), box=(), logits=None):
    """Logits (N, 3, h, w), scores (N, 3) and masks (N, 3, H, W) by transformers alone; one object unless nested."""
    height, width = picture.shape[:2]
    tall, wide = fitted_hw(case.name, picture)
    scale = np.array([wide / width, tall / height])
    if not points and not box and logits is None:
        points = [(width / 2, height / 2)]
    asked = {}
    if points:
        nested = points if isinstance(points[0], list) else [points]
        signs = labels if labels and isinstance(labels[0], list) else [labels or [1] * len(nested[0])]
        asked["input_points"] = torch.tensor(np.array(nested) * scale, dtype=torch.float32)[None]
        asked["input_labels"] = torch.tensor(signs)[None]
    if box:
        asked["input_boxes"] = torch.tensor(np.reshape(box, (-1, 2, 2)) * scale, dtype=torch.float32).reshape(1, -1, 4)
    if logits is not None:
        asked["input_masks"] = torch.from_numpy(logits)[None, None]
    with torch.no_grad():
        answer = case.model(pixel_values=pixels_for(case, picture), **asked)
        low = answer.pred_masks[0]
        if case.name == "sam":
            low = torch.nn.functional.interpolate(low, (SIDE, SIDE), mode="bilinear")[..., :tall, :wide]
        full = torch.nn.functional.interpolate(low, (height, width), mode="bilinear") > 0
    return answer.pred_masks[0].numpy(), answer.iou_scores[0].numpy(), full.numpy()


def pixels_for(case, picture):
    """As the reference prepares them; of SAM 2 transformers has no processor without torchvision, so by its recipe."""
    if case.name == "sam":
        made = transformers.SamImageProcessorPil(**segmenters.PROCESSORS["sam"])
        return torch.from_numpy(np.asarray(made(Image.fromarray(picture), return_tensors="np")["pixel_values"]))
    resized = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) / 255
    normal = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return torch.from_numpy(normal.transpose(2, 0, 1).astype(np.float32))[None]


def raw_of(task, picture):
    """What `run` gives, (K, ...) each."""
    feeds, _ = task.preprocess(Picture.open(picture))
    return {name: array[0] for name, array in task.run(feeds).items()}


def best_first(logits, scores, full):
    order = np.argsort(-scores, axis=1, kind="stable")
    rows = np.arange(len(scores))[:, None]
    return logits[rows, order], scores[rows, order], full[rows, order]


def check(task, case, picture, prompt, wanted_prompt=None):
    """All candidates: logits, scores, and masks in the picture's pixels."""
    logits, scores, full = best_first(*reference(case, picture, **(wanted_prompt or prompt)))
    task = task(multimask=True, **prompt)
    raw = raw_of(task, picture)
    np.testing.assert_allclose(raw["logits"], logits.reshape(-1, *logits.shape[2:]), atol=1e-3)
    np.testing.assert_allclose(raw["scores"], scores.reshape(-1), atol=1e-3)
    wanted = [Mask.from_array(mask) for mask in full.reshape(-1, *full.shape[2:]) if mask.any()]
    found = task(picture).masks
    assert len(found) == len(wanted)
    assert min(mask_iou([one], [two])[0, 0] for one, two in zip(found, wanted, strict=True)) >= 0.999


def exported(case):
    return lambda **options: Segmenter.load(case.folder, **options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_an_export_answers_as_transformers(case, name, picture, prompt):
    check(exported(case(name)), case(name), picture, prompt)


@pytest.mark.parametrize("name", NAMES)
def test_logits_of_an_earlier_answer_are_a_prompt(case, name):
    picture = PICTURES["wide"]
    logits = reference(case(name), picture, points=[(40, 30)])[0][0, 1]
    asked = {"points": [(40, 30)]}
    check(exported(case(name)), case(name), picture, {**asked, "mask": logits}, {**asked, "logits": logits})


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_of_the_picture_is_a_prompt(case, name):
    """As logits of 10 and -10, one per cell of the decoder."""
    picture = PICTURES["square"]
    inside = np.zeros((64, 64), bool)
    inside[16:48, 8:40] = True
    logits = np.where(inside[::2, ::2], np.float32(10), np.float32(-10))
    asked = {"points": [(30, 30)]}
    check(exported(case(name)), case(name), picture, {**asked, "mask": inside}, {**asked, "logits": logits})


# -- the form of transformers.js, run by torch itself ----------------------------------------------------------------


def session_of(case):
    """The reference's own parts behind the names and the shapes that the files of the hub have."""
    names = [f"image_embeddings.{level}" for level in range(3)] if case.name == "sam2" else ["image_embeddings"]

    def encoder(feeds):
        with torch.no_grad():
            seen = case.model.get_image_embeddings(torch.from_numpy(feeds["pixel_values"]))
        return dict(zip(names, (each.numpy() for each in (seen if case.name == "sam2" else [seen])), strict=True))

    def decoder(feeds):
        given = {key: torch.from_numpy(feeds[key]) for key in feeds if key.startswith("input_") and feeds[key].size}
        if {"input_points", "input_boxes"} <= set(given):
            assert given["input_boxes"].shape[1] == 1  # the hub's files take no more
        seen = [torch.from_numpy(feeds[name]) for name in names]
        with torch.no_grad():
            answer = case.model(image_embeddings=seen if case.name == "sam2" else seen[0], **given)
        return {"pred_masks": answer.pred_masks.numpy(), "iou_scores": answer.iou_scores.numpy()}

    prompts = ["input_points", "input_labels", *(["input_boxes"] if case.name == "sam2" else [])]
    inputs = {
        "encoder": (Tensor("pixel_values", (-1, 3, SIDE, SIDE), "float"),),
        "decoder": tuple(Tensor(name, (), "float") for name in (*names, *prompts)),
    }
    return FakeSession({}, inputs, parts={"encoder": encoder, "decoder": decoder})


def of_the_hub(case):
    """A task with the card of the hub's files, but for their size."""
    card = registry.card({"sam": "slimsam", "sam2": "sam2.1-tiny"}[case.name], "segment")
    recipe = replace(card.recipe, size_hw=(SIDE, SIDE), **({"pad_hw": (SIDE, SIDE)} if case.name == "sam" else {}))
    return lambda **options: Segmenter(card=replace(card, recipe=recipe), session=session_of(case), **options)


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize(
    ("name", "prompt"),
    [(name, PROMPTS[each]) for name in NAMES for each in PROMPTS if name == "sam2" or "box" not in each],
    ids=str,
)
def test_the_files_of_the_hub_are_fed_as_transformers_does(case, name, prompt, picture):
    check(of_the_hub(case(name)), case(name), picture, prompt)


def test_a_scene_of_an_export_answers_many_objects_at_once(case):
    task, picture = exported(case("sam2"))(), PICTURES["wide"]
    scene = task.encode(picture)
    points = [[(x, y)] for x in (20, 60, 100) for y in (20, 60)]
    apart = [task(scene, points=one).masks for one in points]
    assert task(scene, points=points).masks == tuple(mask for masks in apart for mask in masks)


# -- everything ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("overlap", "least_many"), [(1.0, 10), (0.7, 1)])
def test_everything_is_what_the_reference_keeps_of_a_grid(case, name, overlap, least_many):
    picture = PICTURES["tall"]
    height, width = picture.shape[:2]
    grid = [[((column + 0.5) / 4 * width, (row + 0.5) / 4 * height)] for row in range(4) for column in range(4)]
    _, scores, full = reference(case(name), picture, points=grid, labels=[[1]] * 16)
    least = max(0.0, float(np.quantile(scores, 0.4)))
    wanted = kept_by_reference(scores.reshape(-1), full.reshape(-1, height, width), least, overlap)
    task = exported(case(name))(grid=4, min_score=least, min_stability=0.0, max_overlap=overlap)
    found = task(picture).masks
    assert len(found) == len(wanted) >= least_many
    assert min(mask_iou([one], [two])[0, 0] for one, two in zip(found, wanted, strict=True)) >= 0.999


def kept_by_reference(scores, full, least, overlap):
    """Greedy suppression, written out: of masks whose boxes overlap by more than that the best."""
    kept = []
    for row in np.argsort(-scores, kind="stable"):
        if scores[row] >= least and full[row].any():
            mask = Mask.from_array(full[row])
            if all(box_iou(mask.box, other.box) <= overlap for other in kept):
                kept.append(mask)
    return kept


def box_iou(a, b):
    both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


# -- planted faults turn it red --------------------------------------------------------------------------------------

FAULTS = {
    "x and y changed places": {"points": [(30, 40), (55, 10)], "labels": [1, 0]},
    "labels turned round": {"points": [(40, 30), (10, 55)], "labels": [0, 1]},
    "half a pixel off": {"points": [(40.5, 30.5), (10.5, 55.5)], "labels": [1, 0]},
    "a point too few": {"points": [(40, 30)], "labels": [1]},
    "a box beside": {"points": [(40, 30), (10, 55)], "labels": [1, 0], "box": (8, 10, 50, 60)},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_in_the_prompt_is_seen(case, name, fault):
    right = {"points": [(40, 30), (10, 55)], "labels": [1, 0]}
    with pytest.raises(AssertionError):
        check(exported(case(name)), case(name), PICTURES["wide"], fault, right)


@pytest.mark.parametrize("name", NAMES)
def test_blue_in_the_place_of_red_is_seen(case, name):
    def turned(**options):
        task = exported(case(name))(**options)
        return replace(task, card=replace(task.card, recipe=replace(task.card.recipe, channels="BGR")))

    with pytest.raises(AssertionError):
        check(turned, case(name), PICTURES["wide"], PROMPTS["point"])


@pytest.mark.parametrize("name", NAMES)
def test_corners_in_the_place_of_centres_are_seen(case, name):
    """Masks enlarged with aligned corners: the half pixel that the comparison must not forgive."""
    picture = PICTURES["tall"]
    logits, _, full = reference(case(name), picture, points=[(40, 30)])
    low = torch.from_numpy(logits)
    if name == "sam":
        tall, wide = fitted_hw(name, picture)
        low = torch.nn.functional.interpolate(low, (SIDE, SIDE), mode="bilinear", align_corners=True)[..., :tall, :wide]
    wrong = torch.nn.functional.interpolate(low, picture.shape[:2], mode="bilinear", align_corners=True).numpy() > 0
    assert ((wrong & full).sum() / (wrong | full).sum()) < 0.999
