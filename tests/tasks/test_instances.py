"""Things with masks: four kinds of models, what is kept, and outputs that are none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pixwise import registry
from pixwise.errors import OptionError, ShapeError
from pixwise.recipe import Recipe
from pixwise.results import result_from_dict
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.instances import InstanceSegmenter

RECIPE = Recipe(size_hw=(40, 80))
CARD = replace(
    registry.card("detr-r50-instances"), names=("", "cat", "sky", "dog"), recipe=RECIPE, options={"stuff": 2}
)
PICTURE = np.zeros((40, 80, 3), np.uint8)


def queries(*rows):
    """What MaskFormer says: each row is (class, certainty, first column, last column) of eight."""
    logits, masks = np.zeros((1, len(rows), 5), np.float32), np.full((1, len(rows), 4, 8), -9, np.float32)
    for row, (label, certainty, low, high) in enumerate(rows):
        logits[0, row, label] = certainty
        masks[0, row, :, low:high] = 9
    return {"class_queries_logits": logits, "masks_queries_logits": masks}


def rcnn(*rows, side=28):
    """What torchvision says: each row is (class, score, x1, y1, x2, y2), the mask the left half of the box."""
    numbers = np.float32(rows).reshape(-1, 6)
    masks = np.zeros((len(rows), 1, side, side), np.float32)
    masks[..., : side // 2] = 1
    return {"boxes": numbers[:, 2:], "labels": numbers[:, 0].astype(np.int64), "scores": numbers[:, 1], "masks": masks}


def asked(output, head="mask_queries", inputs=(), **options):
    session = FakeSession((lambda feeds: output) if head == "mask_rcnn" else output, inputs)
    return InstanceSegmenter(card=replace(CARD, head=head, input_name=""), session=session, **options)(PICTURE)


def test_masks_may_overlap_the_best_first():
    answer = asked(queries((1, 6, 0, 4), (3, 9, 2, 8)))
    assert (answer.labels, answer.areas.tolist()) == (("dog", "cat"), [40 * 60, 40 * 40])
    assert answer.boxes.tolist() == [[20, 0, 80, 40], [0, 0, 40, 40]]


def test_stuff_is_no_thing():
    assert asked(queries((1, 9, 0, 4), (2, 9, 4, 8))).labels == ("cat",)


def test_where_each_pixel_belongs_to_one_thing_masks_do_not_overlap():
    said = queries((1, 6, 0, 4), (3, 9, 2, 8))
    said = {"logits": said["class_queries_logits"], "pred_masks": said["masks_queries_logits"]}
    answer = asked(said, head="detr_masks")
    assert len(answer) == 1  # the cat keeps less than three quarters of its own, which is too little
    assert not (answer.masks[0].open()[:, :20]).any()


def test_sigmoid_masks_have_boxes_of_their_own():
    said = {
        "logits": np.float32([[[-9, 3, -9, -9], [-9, -9, -9, 2]]]),
        "pred_boxes": np.float32([[[0.5, 0.5, 0.2, 0.4], [0.25, 0.5, 0.5, 1]]]),
        "pred_masks": queries((1, 0, 3, 5), (3, 0, 0, 4))["masks_queries_logits"],
    }
    answer = asked(said, head="sigmoid_masks")
    assert answer.labels == ("cat", "dog")
    assert answer.boxes == pytest.approx(np.float32([[32, 12, 48, 28], [0, 0, 40, 40]]))
    assert answer.scores[0] == pytest.approx(1 / (1 + np.exp(-3)))


def test_sigmoid_masks_are_those_of_the_reference():
    """As RF-DETR's own processor does it, which needs torchvision: the best pairs, logits enlarged, above 0."""
    random = torch.Generator().manual_seed(3)
    logits, masks = (torch.randn(shape, generator=random) * 3 for shape in ((9, 4), (9, 11, 13)))
    scores, pairs = logits.sigmoid().flatten().topk(9)
    large = torch.nn.functional.interpolate(masks[pairs // 4][None], size=(40, 80), mode="bilinear")[0] > 0
    wanted = [(int(pair % 4), mask) for pair, score, mask in zip(pairs, scores, large, strict=True) if score > 0.5]
    said = {"logits": logits[None], "pred_boxes": torch.full((1, 9, 4), 0.5), "pred_masks": masks[None]}
    output = {name: tensor.numpy() for name, tensor in said.items()}
    session = FakeSession(output)
    card = replace(CARD, head="sigmoid_masks", input_name="", options={})
    answer = InstanceSegmenter(card=card, session=session)(PICTURE)
    assert answer.label_ids.tolist() == [label for label, _ in wanted]
    for mask, (_, one) in zip(answer.masks, wanted, strict=True):
        assert (mask.open() == one.numpy()).mean() >= 0.999


def test_labels_and_top_choose():
    said = queries((1, 6, 0, 4), (3, 9, 2, 8), (1, 9, 4, 6))
    assert set(asked(said, labels="cat").labels) == {"cat"}
    assert len(asked(said, top=1)) == 1
    with pytest.raises(OptionError, match="did you mean 'cat'"):
        asked(said, labels=["cot"])


def test_it_goes_there_and_back_as_json():
    answer = asked(queries((1, 6, 0, 4), (3, 9, 2, 8)))
    assert result_from_dict(answer.to_dict()).to_dict() == answer.to_dict()


def reference_paste(masks, boxes, height, width):
    """Masks in the picture, by torch: a frame of one zero, the box grown as much, whole pixels, bilinear."""
    padded = torch.nn.functional.pad(torch.from_numpy(masks), (1,) * 4)
    scale, out = padded.shape[-1] / masks.shape[-1], torch.zeros((len(masks), height, width))
    for row, (x1, y1, x2, y2) in enumerate(torch.from_numpy(boxes)):
        w, h, x, y = (x2 - x1) / 2 * scale, (y2 - y1) / 2 * scale, (x2 + x1) / 2, (y2 + y1) / 2
        x1, y1, x2, y2 = (int(edge) for edge in (x - w, y - h, x + w, y + h))
        size = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
        large = torch.nn.functional.interpolate(padded[row][None], size=size, mode="bilinear")[0, 0]
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2 + 1, width), min(y2 + 1, height)
        out[row, top:bottom, left:right] = large[top - y1 : bottom - y1, left - x1 : right - x1]
    return out.numpy() > 0.5


def test_masks_of_boxes_are_pasted_as_the_reference_does_it():
    random = np.random.default_rng(2)
    corners = random.uniform(0, 1, (12, 2, 2)) * (80, 40)
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)
    said = rcnn(*[(1, 0.99 - i / 99, *box) for i, box in enumerate(boxes)])
    said["masks"] = random.uniform(0, 1, said["masks"].shape).astype(np.float32)
    wanted = reference_paste(said["masks"], boxes, 40, 80)
    answer = asked(said, head="mask_rcnn")
    there = [mask for mask in wanted if mask.any()]
    assert len(answer) == len(there) > 8
    assert all((row.mask.open() == mask).mean() > 0.999 for row, mask in zip(answer, there, strict=True))
    assert (np.roll(wanted[0], 1, axis=1) == wanted[0]).mean() < 0.999  # a pixel aside would be seen


def test_masks_that_are_as_large_as_the_tensor_are_taken_as_they_are():
    said = rcnn((1, 0.9, 0, 0, 80, 40))
    said["masks"] = np.zeros((1, 1, 40, 80), np.float32)
    said["masks"][..., 7:9, 5:25] = 1
    assert asked(said, head="mask_rcnn").masks[0].box == (5, 7, 25, 9)


def test_a_model_without_an_axis_for_pictures_is_asked_one_by_one():
    def answer(feeds):
        assert feeds["image"].shape == (3, 40, 80)
        return rcnn(*[(1, 0.9, 0, 0, 40, 40), (3, 0.8, 8, 8, 40, 40)][: 1 + (feeds["image"].mean() > 0.5)])

    session = FakeSession(answer, (Tensor("image", (3, -1, -1), "float"),))
    task = InstanceSegmenter(card=replace(CARD, head="mask_rcnn", input_name=""), session=session, batch=2)
    assert [len(each) for each in task([PICTURE, PICTURE + np.uint8(255)])] == [1, 2]


def test_a_model_that_finds_nothing_gives_no_rows():
    assert len(asked(rcnn(), head="mask_rcnn")) == 0


@pytest.mark.parametrize(
    ("head", "output", "message"),
    [
        ("mask_queries", {"class_queries_logits": np.zeros((1, 2, 5), np.float32)}, "contain 'masks_queries_logits'"),
        ("mask_queries", queries((1, np.nan, 0, 4)), "must be numbers, got NaN"),
        ("sigmoid_masks", {"logits": np.zeros((1, 2, 9), np.float32), "pred_boxes": np.zeros((1, 2, 4), np.float32),
                           "pred_masks": np.zeros((1, 2, 4, 4), np.float32)}, "must tell 4 classes"),
        ("mask_rcnn", rcnn((1, 0.9, 0, 0, 9, 9)) | {"masks": np.zeros((1, 28, 28), np.float32)}, "must have shape"),
        ("mask_rcnn", rcnn((1, np.nan, 0, 0, 9, 9)), "must be numbers, got NaN"),
    ],
)  # fmt: skip
def test_outputs_that_are_no_things_are_told(head, output, message):
    with pytest.raises(ShapeError, match=message):
        asked(output, head=head)
