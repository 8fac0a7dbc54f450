"""Training, its measures, and the bake-off; scikit-learn is the oracle of what numpy says at run time."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.metrics
from learning import LOOK, cloud, hand_made, sample_of

from pixwise.collections import Shelf, Space, train
from pixwise.collections.jobs import evaluate
from pixwise.collections.rows import unit_parts
from pixwise.collections.training import calibration_error, fitted, measure, rank, split
from pixwise.errors import CardError, DataError


def trained(tmp_path, **options):
    vectors, labels = cloud(120)
    return train(sample_of(vectors, labels), id="dogs", shelf=Shelf(tmp_path), **options)


@pytest.mark.oracle
@pytest.mark.parametrize("dimension", [3, 12, 400])
def test_probabilities_are_those_of_scikit_learn(tmp_path, dimension):
    """1e-6: the same arithmetic in float64, on weights that went through a file."""
    vectors, labels = cloud(200, dimension=dimension)
    sample = sample_of(vectors, labels, (Space("look", "", "fp32", dimension),))
    train(sample, id="dogs", shelf=Shelf(tmp_path))
    unit, parts = sample.rows.vectors.astype(float), split(sample.rows.labels, 0)
    unit = (unit - unit[parts.train].mean(axis=0)) * np.sqrt(dimension)
    model = sklearn.linear_model.LogisticRegression(class_weight="balanced", max_iter=10_000)
    model.fit(unit[parts.train], labels[parts.train])
    found = Shelf(tmp_path).best("dogs").probabilities(sample.rows.vectors)
    np.testing.assert_allclose(found, model.predict_proba(unit)[:, 1], atol=1e-6)


@pytest.mark.oracle
def test_the_mean_changes_how_long_the_fit_takes_and_not_the_answer():
    """2e-3: the fit ends where its steps get small, as scikit-learn's default is, not at the very optimum."""
    vectors, labels = cloud(200)
    unit = unit_parts(vectors + 1, (12,)).astype(float)
    model = sklearn.linear_model.LogisticRegression(class_weight="balanced", max_iter=10_000, tol=1e-10)
    wanted = model.fit(unit * np.sqrt(12), labels).predict_proba(unit * np.sqrt(12))[:, 1]
    weights, bias = fitted(unit, labels)
    np.testing.assert_allclose(1 / (1 + np.exp(-unit @ weights - bias)), wanted, atol=2e-3)


def test_the_split_is_stratified_and_a_fifth():
    labels = np.array([1] * 10 + [0] * 90)
    parts = split(labels, 0)
    assert (len(parts.train), len(parts.test), labels[parts.test].sum()) == (80, 20, 2)
    assert sorted([*parts.train, *parts.test]) == list(range(100))


def test_the_same_seed_gives_the_same_classifier_and_another_seed_another(tmp_path):
    first, same, other = (trained(tmp_path / str(i), seed=seed).trained for i, seed in enumerate((3, 3, 4)))
    np.testing.assert_array_equal(first.weights, same.weights)
    assert first.metrics == same.metrics
    assert not np.array_equal(first.weights, other.weights)


def test_classes_are_balanced():
    """With one in ten in the collection, a fit without balance would hardly ever say yes."""
    vectors, labels = cloud(2000, noise=2.0)
    kept = (labels == 0) | (np.arange(2000) % 10 == 0)
    sample = sample_of(vectors[kept], labels[kept])
    weights, bias = fitted(sample.rows.vectors, sample.rows.labels)
    said = sample.rows.vectors @ weights + bias > 0
    assert 0.6 < said[sample.rows.labels == 1].mean() < 0.95


def test_a_version_says_how_it_came_to_be(tmp_path):
    made = trained(tmp_path, seed=5).trained
    assert made.data["rows"] == 120 == made.data["yes"] + made.data["no"]
    assert (len(made.data["sha256"]), made.data["source"], made.seed) == (64, "made here", 5)
    assert made.spaces == (LOOK,)
    assert made.trained.endswith("+00:00")
    assert {"precision", "recall", "f1", "macro_precision", "roc_auc", "pr_auc", "brier"} <= set(made.metrics)


def test_measures_are_those_of_a_hand_count():
    told = measure(np.array([0.9, 0.8, 0.3, 0.6, 0.1, 0.2]), np.array([1, 1, 1, 0, 0, 0]))
    names = ("precision", "recall", "f1", "macro_precision")
    assert [told[name] for name in names] == pytest.approx([2 / 3] * 4, abs=1e-6)
    assert told["roc_auc"] == pytest.approx(8 / 9, abs=1e-6)
    assert told["brier"] == pytest.approx((0.01 + 0.04 + 0.49 + 0.36 + 0.01 + 0.04) / 6, abs=1e-6)


def test_calibration_error_is_the_mean_gap_of_the_bins():
    shares, labels = np.array([0.05, 0.05, 0.95, 0.95, 1.0]), np.array([0, 1, 1, 1, 0])
    gaps = [abs(0.1 - 1), abs(0.95 * 2 + 1 - 2)]
    assert calibration_error(shares, labels) == pytest.approx(sum(gaps) / 5)


def test_a_constant_answer_is_measured_without_a_warning():
    assert measure(np.zeros(4), np.array([0, 1, 0, 1]))["macro_precision"] == 0.25


def test_what_cannot_be_trained_leaves_the_old_best(tmp_path):
    before = trained(tmp_path).best
    with pytest.raises(DataError, match="must have both labels"):
        train(sample_of(cloud(20)[0], [1] * 20), id="dogs", shelf=Shelf(tmp_path))
    assert Shelf(tmp_path).best("dogs").version == before


# The bake-off

TEST = cloud(60, seed=9, noise=0.0)
UNIT = unit_parts(TEST[0], (12,))
GOOD, BAD = np.eye(1, 12)[0], np.eye(1, 12, 1)[0]  # weights: what tells, what does not


def ranked(versions):
    return list(rank(versions, sample_of(*TEST), UNIT, TEST[1]))


def test_the_best_by_macro_precision_comes_first_however_old():
    assert ranked([hand_made(version="1", weights=GOOD), hand_made(version="2", weights=BAD)]) == ["1", "2"]


def test_of_equals_the_newer_comes_first():
    assert ranked([hand_made(version=version, weights=GOOD) for version in "213"]) == ["3", "2", "1"]


def test_ten_are_kept_and_the_worst_go():
    versions = [hand_made(version=f"{i:02}", weights=BAD if i == 5 else GOOD) for i in range(12)]
    assert ranked(versions) == [f"{i:02}" for i in (11, 10, 9, 8, 7, 6, 4, 3, 2, 1)]


def test_versions_that_see_otherwise_take_no_part():
    others = [
        hand_made(version="8", spaces=(Space("look", "b" * 40, "fp32", 12),)),
        hand_made(version="9", focus=type(hand_made().focus)("prominent_face", ("look",))),
    ]
    assert ranked([hand_made(version="1"), *others]) == ["1"]


def test_an_elder_that_does_better_on_the_newest_test_set_stays_in_force(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.add(hand_made(version="0", weights=50 * GOOD))
    outcome = train(sample_of(*cloud(60, seed=6, noise=0.0)), id="dogs", shelf=shelf)
    assert (outcome.best, outcome.metrics["macro_precision"]) == ("0", 1.0)
    assert outcome.trained.metrics["macro_precision"] < 1
    assert shelf.best("dogs").version == "0"
    assert list(shelf.standing("dogs")["bake_off"]) == ["0", outcome.trained.version]


def test_twelve_trainings_leave_ten_versions(tmp_path):
    for seed in range(12):
        outcome = trained(tmp_path, seed=seed)
    shelf = Shelf(tmp_path)
    assert len(shelf.versions("dogs")) == 10
    assert shelf.best("dogs").version == outcome.best == next(iter(shelf.standing("dogs")["bake_off"]))


def test_versions_are_not_measured_on_vectors_of_another_model(tmp_path):
    trained(tmp_path)
    other = sample_of(*cloud(40), (replace(LOOK, model="clip-b32"),))
    with pytest.raises(CardError, match="collection 'dogs' was trained on vectors of model 'look', got 'clip-b32'"):
        evaluate("dogs", other, Shelf(tmp_path))
