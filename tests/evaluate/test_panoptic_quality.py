"""Panoptic quality: against torchmetrics, against the definition pixel by pixel, by hand, and what is refused."""

import numpy as np
import pytest
import torch
from torchmetrics.detection import PanopticQuality as TheirQuality

from pixwise.errors import DataError, ShapeError
from pixwise.evaluate.panoptic import VOID, Category, PanopticMap, Segment, panoptic_quality, segment_counts

KINDS = (Category(1, "cat", True), Category(2, "dog", True), Category(7, "sky", False), Category(9, "grass", False))
THINGS, STUFF = {1, 2}, {7, 9}


def made(seed, *, crowds=False, void=True, hw=(41, 53)):
    """Segments as seeds of a mosaic, and the same mosaic moved and renamed a little: (truth, found)."""
    random = np.random.default_rng(seed)
    count = 12
    at = random.random((count, 2)) * hw
    y, x = np.mgrid[: hw[0], : hw[1]]
    category = random.choice([1, 2, 7, 9], count)

    def mosaic(places, kinds, void, crowd):
        cell = np.hypot(y[..., None] - places[:, 0], x[..., None] - places[:, 1]).argmin(axis=2)
        numbers = np.where(np.isin(kinds, [7, 9]), kinds * 1000, np.arange(count) + 1)  # stuff is one segment
        ids = numbers[cell]
        if void:
            ids = np.where(random.random(hw) < 0.2, VOID, ids)
            ids[:9, :9] = VOID
        there = sorted(set(np.unique(ids).tolist()) - {VOID})
        kind = dict(zip(numbers.tolist(), kinds.tolist(), strict=True))
        return PanopticMap(ids, tuple(Segment(i, kind[i], crowd and i < 900 and i % 3 == 0) for i in there))

    other = np.where(random.random(count) < 0.2, random.choice([1, 2, 7, 9], count), category)
    return mosaic(at, category, void, crowds), mosaic(at + random.normal(0, 1.5, at.shape), other, False, False)


def for_torchmetrics(map):
    """(H, W, 2) category and instance; void is a category that is neither thing nor stuff."""
    kind = {segment.id: segment.category_id for segment in map.segments} | {VOID: 0}
    category = np.vectorize(kind.get)(map.ids)
    return torch.from_numpy(np.stack([category, np.where(np.isin(category, [1, 2]), map.ids, 0)], axis=-1))


@pytest.mark.parametrize("void", [False, True])
def test_it_is_that_of_torchmetrics(void):
    pairs = [made(seed, void=void) for seed in range(8)]
    theirs = TheirQuality(
        THINGS, STUFF, return_sq_and_rq=True, return_per_class=True, allow_unknown_preds_category=True
    )
    for truth, found in pairs:
        theirs.update(for_torchmetrics(found)[None], for_torchmetrics(truth)[None])
    ours = panoptic_quality(pairs, KINDS)
    expected = theirs.compute().numpy()  # (C, 3), things then stuff
    np.testing.assert_allclose(np.stack([ours.pq, ours.sq, ours.rq], axis=1), expected, atol=1e-6)
    assert 0.2 < ours.all.pq < 0.8


def counted_by_pixels(truth, found):
    """The definition, read with masks: category → (tp, fp, fn, iou)."""
    out = {kind.id: [0, 0, 0, 0.0] for kind in KINDS}
    void, partner = truth.ids == VOID, {}
    for a in truth.segments:
        for b in found.segments:
            mine, theirs = truth.ids == a.id, found.ids == b.id
            iou = (mine & theirs).sum() / ((mine | theirs) & ~(theirs & void)).sum()
            if not a.crowd and a.category_id == b.category_id and iou > 0.5:
                partner[a], partner[b] = b, a
                out[a.category_id][0] += 1
                out[a.category_id][3] += iou
        out[a.category_id][2] += not a.crowd and a not in partner
    for b in found.segments:
        crowd = [a for a in truth.segments if a.crowd and a.category_id == b.category_id][-1:]
        nobodys = void | np.isin(truth.ids, [a.id for a in crowd])
        out[b.category_id][1] += b not in partner and nobodys[found.ids == b.id].mean() <= 0.5
    return out


@pytest.mark.parametrize("seed", range(6))
def test_crowds_and_void_count_as_the_definition_says(seed):
    truth, found = made(seed, crowds=True)
    moved = PanopticMap(found.ids + 5000, tuple(each._replace(id=each.id + 5000) for each in found.segments))
    ours = segment_counts(truth, moved)
    for category, (tp, fp, fn, iou) in counted_by_pixels(truth, moved).items():
        mine = ours.get(category)
        got = (mine.tp, mine.fp, mine.fn, mine.iou) if mine else (0, 0, 0, 0)
        assert got == pytest.approx((tp, fp, fn, iou))


def halves(left, right, *segments):
    ids = np.full((4, 10), left)
    ids[:, 5:] = right
    return PanopticMap(ids, segments)


def test_truth_against_itself_is_whole():
    truth, _ = made(3)
    whole = panoptic_quality([(truth, truth)], KINDS)
    assert whole.all[:3] == whole.things[:3] == whole.stuff[:3] == (1, 1, 1)


def test_a_shifted_border_by_hand():
    truth = halves(1, 2, Segment(1, 1), Segment(2, 7))
    ids = truth.ids.copy()
    ids[:, 4] = 2  # cat 20 → 16 px, IoU 16/20; sky 20 → 24, IoU 20/24
    found = panoptic_quality([(truth, PanopticMap(ids, truth.segments))], KINDS)
    assert found.things[:3] == pytest.approx((0.8, 0.8, 1))
    assert found.stuff[:3] == pytest.approx((20 / 24, 20 / 24, 1))
    assert found.all.pq == pytest.approx((0.8 + 20 / 24) / 2)


def test_a_missed_and_an_invented_segment_by_hand():
    truth = halves(1, 2, Segment(1, 1), Segment(2, 7))
    found = panoptic_quality([(truth, halves(1, 2, Segment(1, 2), Segment(2, 7)))], KINDS)
    assert (found.tp.tolist(), found.fp.tolist(), found.fn.tolist()) == ([0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0])
    assert (found.things.pq, found.things.categories, found.all.pq) == (0, 2, pytest.approx(1 / 3))


def test_an_overlap_of_exactly_half_is_no_match():
    truth = halves(1, 0, Segment(1, 1))
    ids = np.zeros((4, 10), int)
    ids[:, :5], ids[:2, :5] = 2, 1  # half of the cat
    found = PanopticMap(ids, (Segment(1, 1), Segment(2, 2)))
    assert segment_counts(truth, found)[1].tp == 0


def test_what_lies_in_void_is_no_mistake():
    truth, found = halves(1, 0, Segment(1, 1)), halves(1, 4, Segment(1, 1), Segment(4, 2))
    assert panoptic_quality([(truth, found)], KINDS).fp.sum() == 0
    assert panoptic_quality([(halves(1, 3, Segment(1, 1), Segment(3, 7)), found)], KINDS).fp.tolist() == [0, 1, 0, 0]


def test_a_crowd_is_neither_missed_nor_found():
    truth = halves(1, 2, Segment(1, 1, crowd=True), Segment(2, 7))
    for category, wrong in ((1, 0), (2, 1)):
        found = panoptic_quality([(truth, halves(1, 2, Segment(1, category), Segment(2, 7)))], KINDS)
        assert (found.tp.sum(), found.fn.sum(), found.fp.sum()) == (1, 0, wrong)


def test_nothing_at_all_has_no_quality():
    nothing = panoptic_quality([], KINDS)
    assert np.isnan(nothing.pq).all()
    assert np.isnan(nothing.all.pq)
    assert nothing.all.categories == 0


@pytest.mark.parametrize(
    ("ids", "segments", "said"),
    [
        ([[1, 2]], [Segment(1, 1)], "every id of the map must have a segment, got 2 without"),
        ([[1, 1]], [Segment(1, 1), Segment(4, 1)], "every segment must have pixels, got none of 4"),
        ([[1, 1]], [Segment(1, 1), Segment(1, 2)], "segments must have an id each, from 1 up, got 1, 1"),
        ([[0, 0]], [Segment(0, 1)], "segments must have an id each, from 1 up, got 0"),
    ],
)
def test_maps_that_do_not_go_with_their_segments_are_refused(ids, segments, said):
    with pytest.raises(DataError, match=f"a.png: {said}"):
        PanopticMap(np.array(ids), tuple(segments), "a.png")


def test_maps_must_be_whole_numbers_of_one_size():
    with pytest.raises(ShapeError, match="id map must hold whole numbers, got float64"):
        PanopticMap(np.zeros((2, 2)), ())
    a, b = (PanopticMap(np.zeros(hw, int), (), "b.png") for hw in ((4, 6), (4, 7)))
    with pytest.raises(ShapeError, match=r"b\.png: map must be of the size of the truth, 6 x 4, got 7 x 4"):
        segment_counts(a, b)


def test_a_category_that_the_truth_does_not_know_is_refused():
    map = halves(1, 0, Segment(1, 44))
    with pytest.raises(DataError, match="picture: categories must be those of the truth, got id 44 as well"):
        panoptic_quality([(map, map)], KINDS)
