"""Classes of pixels and masks: against torchmetrics, scikit-learn and SciPy, by hand, and what is refused."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn import metrics
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.functional.segmentation import dice_score
from torchmetrics.segmentation import MeanIoU

from pixwise.errors import DataError, OptionError, ShapeError
from pixwise.evaluate.regions import (
    ClassQuality,
    boundary,
    boundary_iou,
    class_confusion,
    class_quality,
    dice,
    mask_iou,
)

CLASSES = 5


def made(seed, hw=(37, 52), classes=CLASSES):
    """Blobs of classes, and the same with some pixels moved: (truth, found)."""
    random = np.random.default_rng(seed)
    truth = ndimage.zoom(random.integers(0, classes, (5, 6)), (hw[0] / 5, hw[1] / 6), order=0)[: hw[0], : hw[1]]
    return truth, np.where(
        random.random(truth.shape) < 0.15, random.integers(0, classes, truth.shape), np.roll(truth, 2)
    )


def disc(radius, hw=(101, 140), at=(50, 60)):
    y, x = np.mgrid[: hw[0], : hw[1]]
    return np.hypot(y - at[0], x - at[1]) < radius


def confusion(pairs, **options):
    return sum(class_confusion(*pair, CLASSES, **options) for pair in pairs)


def test_iou_over_pictures_is_that_of_torchmetrics():
    pairs = [made(seed, (30 + seed, 41)) for seed in range(5)]
    theirs = MulticlassJaccardIndex(CLASSES, average=None)
    for truth, found in pairs:
        theirs.update(torch.from_numpy(found), torch.from_numpy(truth))
    ours = ClassQuality(confusion(pairs))
    np.testing.assert_allclose(ours.iou, theirs.compute().numpy(), atol=1e-6)
    assert 0.2 < ours.mean_iou < 0.9


def test_of_one_picture_it_is_the_mean_iou_and_the_dice_of_torchmetrics():
    truth, found = made(1)
    whole = ClassQuality(class_confusion(truth, found, CLASSES))
    shaped = [torch.from_numpy(each)[None] for each in (found, truth)]
    theirs = MeanIoU(CLASSES, per_class=True, input_format="index")
    np.testing.assert_allclose(whole.iou, theirs(*shaped).numpy(), atol=1e-6)
    expected = dice_score(*shaped, CLASSES, average="none", input_format="index")[0]
    np.testing.assert_allclose(whole.dice, expected.numpy(), atol=1e-6)


def test_counts_and_accuracies_are_those_of_scikit_learn():
    truth, found = made(2)
    truth = np.where(truth == 4, 255, truth)
    kept = truth != 255
    ours = ClassQuality(class_confusion(truth, found, CLASSES, ignore=255))
    assert np.array_equal(ours.confusion, metrics.confusion_matrix(truth[kept], found[kept], labels=range(CLASSES)))
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth[kept], found[kept]))
    recalls = metrics.recall_score(truth[kept], found[kept], labels=range(4), average=None)
    assert ours.recall[:4] == pytest.approx(recalls)
    assert np.isnan(ours.recall[4])
    assert ours.mean_recall == pytest.approx(recalls.mean())


def test_rows_are_the_truth():
    table = class_confusion(np.array([[0, 0]]), np.array([[1, 1]]), 2)
    assert table.tolist() == [[0, 2], [0, 0]]


def test_a_class_that_is_nowhere_does_not_count():
    ours = ClassQuality(class_confusion(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), 3))
    assert ours.iou[:2] == pytest.approx([1 / 2, 2 / 3])
    assert np.isnan(ours.iou[2])
    assert (ours.mean_iou, ours.mean_dice) == pytest.approx((7 / 12, (2 / 3 + 4 / 5) / 2))
    assert np.isnan(ClassQuality(np.zeros((2, 2), int)).mean_iou)


def test_masks_by_hand():
    truth, found = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    assert (mask_iou(truth, found), dice(truth, found)) == (pytest.approx(1 / 3), 0.5)
    assert mask_iou(~truth & truth, ~found & found) == dice(~truth & truth, ~found & found) == 1
    assert mask_iou(truth, ~found & found) == dice(truth, ~found & found) == 0


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1])
@pytest.mark.parametrize("mask", [disc(30), disc(80), ~disc(20), disc(0.5), disc(0)], ids=range(5))
def test_a_boundary_is_what_is_near_the_outside_counted_as_a_king_moves(mask, share):
    reach = max(1, round(share * np.hypot(*mask.shape)))
    inner = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=reach, border_value=0)
    assert np.array_equal(boundary(mask, share), mask & ~inner)
    away = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
    assert np.array_equal(boundary(mask, share), mask & (away <= reach))


def test_boundary_iou_by_hand():
    square, moved = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    square[20:80, 20:80], moved[20:80, 23:83] = True, True  # reach 3: rings of 60² - 54² = 684 px
    shared = 2 * 3 * 57  # above and below; the sides have just missed one another
    assert boundary(square).sum() == 684
    assert boundary_iou(square, moved) == pytest.approx(shared / (2 * 684 - shared))
    assert mask_iou(square, moved) == pytest.approx(57 / 63)


def test_boundary_iou_is_stricter_with_large_masks():
    assert boundary_iou(disc(40), disc(42)) < mask_iou(disc(40), disc(42))
    assert boundary_iou(disc(40), disc(40)) == 1
    assert boundary_iou(disc(0), disc(0)) == 1
    assert boundary(np.zeros((0, 5), bool)).shape == (0, 5)


def test_the_edge_of_the_picture_is_outline():
    assert boundary(np.ones((50, 50), bool), 0.02).sum() == 50 * 50 - 48 * 48


@pytest.mark.parametrize("measure", [mask_iou, dice, boundary_iou, lambda a, b: class_confusion(a, b, 2)])
def test_other_sizes_are_refused(measure):
    with pytest.raises(ShapeError, match="found must be of the size of the truth, 5 x 4, got 4 x 5; bring it"):
        measure(np.zeros((4, 5), bool), np.zeros((5, 4), bool))


def test_ids_that_are_no_class_are_refused():
    good = np.zeros((2, 2), int)
    with pytest.raises(DataError, match="found: ids must be from 0 to 2, got 3"):
        class_confusion(good, good + 3, 3)
    with pytest.raises(DataError, match="truth: ids must be from 0 to 2, got 255"):
        class_confusion(good + 255, good, 3)
    assert class_confusion(good + 255, good, 3, ignore=255).sum() == 0
    with pytest.raises(OptionError, match="share must be a number from 0 to 1, got 2"):
        boundary(np.ones((3, 3), bool), 2)


def test_pictures_are_added_up_whatever_classes_they_have():
    pairs = [made(seed, classes=3 + seed) for seed in range(3)]
    ours = class_quality(iter(pairs))
    assert np.array_equal(ours.confusion, confusion(pairs))
    assert class_quality([], 3).confusion.shape == (3, 3)
    assert class_quality([(np.array([[255, 0]]), np.array([[1, 0]]))], ignore=255).confusion.tolist() == [
        [1, 0],
        [0, 0],
    ]


def test_ids_that_cannot_be_counted_are_told():
    with pytest.raises(DataError, match="ids must be below 1024, got 65535; say how many classes there are, or which"):
        class_quality([(np.array([[65_535]]), np.array([[0]]))])
