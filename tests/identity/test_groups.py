"""Groups of unknown faces: against scikit-learn, and what is refused."""

import numpy as np
import pytest
from identity.test_gallery import answer, turned
from sklearn.cluster import AgglomerativeClustering

from pixwise.errors import OptionError, ShapeError
from pixwise.identity.groups import group
from pixwise.results import ModelInfo
from pixwise.vectors import unit


def people(count, pictures, noise, seed, size=32):
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(count, size)))
    return unit(centres.repeat(pictures, axis=0) + random.normal(0, noise, (count * pictures, size)))


def same_partition(a, b):
    return np.array_equal(a[:, None] == a, b[:, None] == b)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("noise", "threshold"), [(0.08, 0.4), (0.2, 0.3), (0.3, 0.25), (0.3, 0.6), (1.0, 0.0)])
def test_groups_are_those_of_scikit_learn(seed, noise, threshold):
    vectors = people(8, 9, noise, seed)
    judge = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=1 - threshold)
    assert same_partition(group(vectors, threshold), judge.fit_predict(vectors.astype(np.float64)))


def test_people_who_are_far_apart_are_found_in_any_order():
    order = np.random.default_rng(3).permutation(60)
    labels = group(people(6, 10, 0.05, 1)[order], 0.5)
    assert same_partition(labels, np.repeat(np.arange(6), 10)[order])


def test_at_the_threshold_is_enough():
    assert group(np.eye(2), threshold=0.0).tolist() == [0, 0]
    assert group(np.eye(2), threshold=0.001).tolist() == [0, 1]


def test_numbers_follow_the_first_appearance():
    labels = group(unit([turned(angle) for angle in (90, 0, 88, 200, 2)]), 0.9)
    assert labels.tolist() == [0, 1, 0, 2, 1]


def test_the_same_faces_give_the_same_groups():
    vectors = people(10, 10, 0.3, 0)
    assert np.array_equal(group(vectors, 0.3), group(vectors.copy(), 0.3))
    assert np.array_equal(group(np.ones((5, 4)), 0.5), [0] * 5)  # ties


def test_numbers_follow_the_first_appearance_whatever_is_joined_first():
    for seed in range(20):
        labels = group(people(5, 6, 0.3, seed)[np.random.default_rng(seed).permutation(30)], 0.2)
        assert sorted(set(labels.tolist()), key=labels.tolist().index) == list(range(labels.max() + 1))


def test_a_chain_of_look_alikes_is_not_one_person():
    labels = group(unit([turned(angle) for angle in range(0, 180, 10)]), 0.8)
    assert len(set(labels.tolist())) > 2


def test_answers_of_identify_are_grouped_over_all_pictures():
    answers = [answer(turned(0), turned(90)), answer(), answer(turned(5))]
    assert group(answers).tolist() == [0, 1, 0]  # the threshold is that of SFace's card


@pytest.mark.parametrize("faces", [[], [answer()], np.zeros((0, 8))])
def test_no_faces_are_no_groups(faces):
    assert group(faces, 0.5).tolist() == []


def test_a_thousand_faces_take_less_than_ten_seconds():
    assert len(np.unique(group(people(100, 10, 0.1, 0, size=128), 0.3))) == 100


def test_what_cannot_be_grouped_is_told():
    with pytest.raises(OptionError, match="threshold must be given with bare vectors"):
        group(np.ones((2, 3)))
    with pytest.raises(OptionError, match="threshold must be given for vectors of 'mine', which is no built-in card"):
        group([answer(turned(0), model=ModelInfo("mine"))])
    with pytest.raises(OptionError, match="vectors must be of one model, got 'sface' and 'auraface'"):
        group([answer(turned(0)), answer(turned(0), model=ModelInfo("auraface"))], 0.5)
    with pytest.raises(OptionError, match="faces must be answers of identify, got str"):
        group(["a.jpg"])
    with pytest.raises(OptionError, match="at most 20,000, got 20,001"):
        group(np.ones((20_001, 1)), 0.5)
    with pytest.raises(ShapeError, match="vectors must be finite"):
        group(np.array([[1, np.nan]]), 0.5)
