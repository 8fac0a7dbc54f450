"""Curves and triplet loss: against scikit-learn and torch, by hand, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pixwise.errors import OptionError, ShapeError
from pixwise.evaluate.verification import all_pairs, hardest_triplets, triplet_loss, verification_curve
from pixwise.vectors import unit

pair = st.tuples(st.integers(-20, 20).map(lambda tenth: tenth / 20), st.booleans())
pairs = st.lists(pair, min_size=2, max_size=60).filter(lambda made: len({same for _, same in made}) == 2)


def made(seed=0, count=500, shift=1.0):
    random = np.random.default_rng(seed)
    same = random.random(count) < 0.3
    return random.normal(0, 1, count) + shift * same, same


@given(pairs)
def test_the_roc_and_its_area_are_those_of_scikit_learn(drawn):
    scores, same = (np.array(each) for each in zip(*drawn, strict=True))
    curve = verification_curve(scores, same)
    far, tar, thresholds = metrics.roc_curve(same, scores, drop_intermediate=False)
    assert np.allclose([curve.far, curve.tar], [far, tar])
    assert np.array_equal(curve.thresholds, thresholds)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(same, scores))


@given(pairs)
def test_a_threshold_accepts_what_its_point_says(drawn):
    scores, same = (np.array(each) for each in zip(*drawn, strict=True))
    curve = verification_curve(scores, same)
    for threshold, far, frr in zip(curve.thresholds, curve.far, curve.frr, strict=True):
        accepted = scores >= threshold
        assert (far, frr) == pytest.approx((accepted[~same].mean(), (~accepted[same]).mean()))


@given(pairs, st.sampled_from(["accuracy", "balanced", "equal"]))
def test_no_threshold_does_better_than_the_best(drawn, criterion):
    scores, same = (np.array(each) for each in zip(*drawn, strict=True))

    def wrong(threshold):
        accepted = scores >= threshold
        far, frr = accepted[~same].mean(), (~accepted[same]).mean()
        return {"accuracy": (accepted != same).mean(), "balanced": far + frr, "equal": abs(far - frr)}[criterion]

    best = wrong(verification_curve(scores, same).best_threshold(criterion))
    assert best <= min(map(wrong, [*scores, 2])) + 1e-9


@given(pairs, st.floats(0, 1))
def test_at_a_far_no_more_are_falsely_accepted_and_as_many_rightly_as_can_be(drawn, far):
    scores, same = (np.array(each) for each in zip(*drawn, strict=True))
    curve = verification_curve(scores, same)
    accepted = scores >= curve.threshold_at_far(far)
    assert accepted[~same].mean() <= far + 1e-9
    assert accepted[same].mean() == pytest.approx(curve.tar_at_far(far))
    others = [scores >= threshold for threshold in scores]
    best = max((each[same].mean() for each in others if each[~same].mean() <= far), default=0)
    assert curve.tar_at_far(far) >= best - 1e-9


def test_the_equal_error_rate_by_hand():
    curve = verification_curve([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 1, 0, 1, 0, 0])
    assert curve.eer == pytest.approx(1 / 3)
    assert verification_curve([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0]).eer == 0
    assert verification_curve([0.5, 0.5], [1, 0]).eer == pytest.approx(0.5)
    assert verification_curve([0.1, 0.9], [1, 0]).eer == 1


def test_the_equal_error_rate_of_two_bells_is_that_of_the_formula():
    curve = verification_curve(*made(count=200_000, shift=2.0))
    assert curve.eer == pytest.approx(0.1587, abs=0.005)  # one standard deviation from each mean
    assert curve.best_threshold("equal") == pytest.approx(1, abs=0.02)


def test_the_best_threshold_lies_half_way():
    curve = verification_curve([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0])
    assert curve.best_threshold() == pytest.approx(0.5)
    assert curve.threshold_at_far(0) == pytest.approx(0.5)
    assert verification_curve([0.1, 0.9], [1, 0]).threshold_at_far(0) > 0.9


def test_accuracy_favours_the_frequent_kind_balance_does_not():
    scores, same = [0.9, 0.6, 0.5, 0.5, 0.5, 0.4, 0.3, 0.2], [1, 0, 1, 0, 0, 0, 0, 0]
    curve = verification_curve(scores, same)
    assert curve.best_threshold("accuracy") == pytest.approx(0.75)
    assert curve.best_threshold("balanced") == pytest.approx(0.75)
    skewed = verification_curve([0.9, *[0.5] * 9, 0.6, *[0.4] * 90], [*[1] * 10, *[0] * 91])
    assert skewed.best_threshold("accuracy") == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("scores", "same", "said"),
    [
        ([0.5, 0.6], [1, 1], "pairs must be of one person and of two people, got 2 and 0; add the other kind"),
        ([], [], "got 0 and 0"),
        ([0.5, 0.6], [1, 2], "same must be true or false for each pair, got"),
        ([0.5, np.nan], [1, 0], "similarities must be finite"),
        ([0.5, 0.6], [1], r"same must have shape \(2,\), got \(1,\)"),
        ([[0.5]], [1], r"similarities must have shape \(N,\)"),
    ],
)
def test_pairs_that_say_nothing_are_refused(scores, same, said):
    with pytest.raises((OptionError, ShapeError), match=said):
        verification_curve(scores, same)


def test_options_out_of_range_are_refused():
    curve = verification_curve(*made())
    with pytest.raises(OptionError, match="far must be from 0 to 1, got 2"):
        curve.tar_at_far(2)
    with pytest.raises(OptionError, match="criterion must be known, got 'acuracy'; did you mean 'accuracy'"):
        curve.best_threshold("acuracy")


def test_all_pairs_are_each_pair_once():
    cosines, same = all_pairs([[2, 0], [0, 3], [1, 1]], ["a", "b", "a"])
    assert cosines == pytest.approx([0, 0.5**0.5, 0.5**0.5])
    assert same.tolist() == [False, True, False]
    with pytest.raises(ShapeError, match=r"people must have shape \(3,\)"):
        all_pairs(np.eye(3), ["a", "b"])


def triplets(seed, count=64, size=16):
    random = np.random.default_rng(seed)
    return [unit(random.normal(size=(count, size))) for _ in range(3)]


def from_torch(loss, vectors):
    return float(loss(*(torch.from_numpy(each.astype(np.float64)) for each in vectors)))


@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_triplet_loss_is_that_of_torch(margin, seed):
    vectors = triplets(seed)
    plain = torch.nn.TripletMarginLoss(margin=margin, eps=0)
    squared = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: ((a - b) ** 2).sum(1), margin=margin
    )
    assert triplet_loss(*vectors, margin, squared=False) == pytest.approx(from_torch(plain, vectors), abs=1e-9)
    assert triplet_loss(*vectors, margin) == pytest.approx(from_torch(squared, vectors), abs=1e-9)


def test_positives_and_negatives_are_not_the_same_thing():
    a, p, n = triplets(0)
    assert triplet_loss(a, p, n) != pytest.approx(triplet_loss(a, n, p), abs=1e-3)
    assert triplet_loss(a, a, -a) == 0


def test_the_hardest_triplets_are_those_of_a_search():
    random = np.random.default_rng(0)
    vectors, people = unit(random.normal(size=(30, 8))), random.integers(0, 7, 30)
    apart = ((vectors[:, None].astype(float) - vectors) ** 2).sum(axis=2)
    for anchor, positive, negative in zip(*hardest_triplets(vectors, people), strict=True):
        mine = [row for row in range(30) if people[row] == people[anchor] and row != anchor]
        others = [row for row in range(30) if people[row] != people[anchor]]
        assert positive == max(mine, key=lambda row: apart[anchor, row])
        assert negative == min(others, key=lambda row: apart[anchor, row])


def test_who_has_one_picture_is_no_anchor():
    anchors, _, negatives = hardest_triplets([[1, 0], [0.9, 0.1], [0, 1]], ["a", "a", "b"])
    assert (anchors.tolist(), negatives.tolist()) == ([0, 1], [2, 2])
    for people in (["a", "a", "a"], ["a", "b", "c"]):
        with pytest.raises(OptionError, match="people must be two or more, one of them with two pictures"):
            hardest_triplets(np.eye(3), people)


def test_triplets_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"negatives must have shape \(2, 3\), got \(1, 3\)"):
        triplet_loss(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 3)))
    with pytest.raises(ShapeError, match="anchors must be at least one"):
        triplet_loss(np.ones((0, 3)), np.ones((0, 3)), np.ones((0, 3)))
