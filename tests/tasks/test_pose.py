"""Joints of people: who is asked about, options, what is not seen, and outputs that are no heat maps."""

import json
from dataclasses import replace

import numpy as np
import pytest

import pixwise as px
from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.results import Detections, result_from_dict
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.pose import PoseEstimator

CARD = registry.card("vitpose-base-simple")
PICTURE = np.zeros((200, 300, 3), np.uint8)
BOXES = [[10, 20, 70, 180], [150, 20, 210, 100], [0, 0, 300, 200], [40, 40, 40, 90]]


def people(*labels, scores=None):
    count = len(labels)
    return Detections(
        labels=labels, label_ids=[0] * count, scores=scores or [0.9] * count, boxes=np.float32(BOXES[:count])
    )


def bump(feeds):
    """Keypoint k is in cell (10 + k, 20) and k / 17 tall."""
    y, x = np.mgrid[:64, :48]
    one = [k / 17 * np.exp(-((x - 10 - k) ** 2 + (y - 20) ** 2) / 8) for k in range(17)]
    return {"heatmaps": np.stack([np.float32(one)] * len(feeds["pixel_values"]))}


def session(answer=bump, *more):
    return FakeSession(answer, (Tensor("pixel_values", (-1, 3, -1, -1), "float32"), *more))


def estimator(answer=bump, *, card=CARD, found=None, **options):
    helpers = {} if found is None else {"detect": lambda picture: found}
    return PoseEstimator(card=card, session=session(answer), helpers=helpers, **options)


def test_only_people_are_asked_about_in_the_order_of_the_detector():
    answer = estimator(found=people("dog", "person", "Person"))(PICTURE)
    assert answer.boxes.tolist() == BOXES[1:3]
    assert answer.keypoints.shape == (2, 17, 2)


def test_boxes_without_an_area_and_unsure_people_are_passed_over():
    found = people(*["person"] * 4, scores=[0.9, 0.2, 0.5, 0.9])
    assert estimator(found=found, min_score=0.5)(PICTURE).boxes.tolist() == [BOXES[0], BOXES[2]]


def test_what_the_card_says_is_asked_about():
    card = replace(CARD, options={"labels": ["dog", "cat"]})
    assert len(estimator(card=card, found=people("dog", "person"))(PICTURE)) == 1


def test_without_people_the_model_is_not_asked():
    task = estimator(lambda feeds: pytest.fail("asked"), found=people("dog"))
    answer = task(PICTURE)
    assert (len(answer), answer.keypoints.shape, len(answer.skeleton.names)) == (0, (0, 0, 2), 17)
    assert answer.limbs().shape == (0, len(answer.skeleton.edges), 2, 2)
    assert answer.point("nose").shape == (0, 2)


def test_for_boxes_that_are_given_no_detector_is_asked():
    answer = estimator(box=[(10, 20, 70, 180), "150,20,210,100"])(PICTURE)
    assert answer.boxes.tolist() == BOXES[:2]
    assert answer.scores.tolist() == [1, 1]


def test_loading_for_boxes_needs_no_detector(monkeypatch, tmp_path):
    assert PoseEstimator.needs_with({"box": [(0, 0, 9, 9)]}) == ()
    assert PoseEstimator.needs_with({"min_score": 0.5}) == ("detect",)
    assert PoseEstimator.needs_with({"box": "1,2,3,4"}) == ()


def test_people_may_be_given_as_an_earlier_answer():
    assert len(estimator().given(detect=people("person"))(PICTURE)) == 1
    with pytest.raises(OptionError, match="pose needs the answer of detect, got none"):
        estimator()(PICTURE)


def test_a_box_reaches_out_of_the_picture_and_its_crop_too():
    inside, cut = estimator(box=[(0, 20, 40, 180), (-40, 20, 40, 180)])(PICTURE)
    assert cut.box.tolist() == [0, 20, 40, 180]
    assert cut.keypoints[16, 0] < inside.keypoints[16, 0] - 15


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((400, 20, 450, 80), "box must overlap the 300 x 200 picture, got 400,20,450,80"),
        ((50, 20, 40, 80), "box must have x1 < x2 and y1 < y2, got 50,20,40,80"),
        ((50, 20, 50, 80), "box must have x1 < x2"),
        ((1, 2, 3), "box must be"),
        ((0, 0, float("nan"), 5), "box must be 4 numbers"),
        ([(0, 0, 5, 5)] * 257, "box must be given at most 256 times, got 257"),
    ],
)
def test_boxes_that_are_none_are_refused(box, words):
    with pytest.raises(OptionError, match=words):
        estimator(box=box)(PICTURE)


def test_keypoints_of_low_scores_have_no_place_and_keep_their_score():
    [row] = estimator(box=BOXES[0], min_keypoint_score=0.5)(PICTURE)
    assert np.isnan(row.keypoints).any(axis=1).tolist() == [k / 17 < 0.5 for k in range(17)]
    np.testing.assert_allclose(row.keypoint_scores, np.arange(17) / 17, atol=1e-6)


def test_places_are_those_of_the_heat_map_in_the_frame():
    [row] = estimator(box=(50, 50, 110, 130), min_keypoint_score=0.1)(PICTURE)  # a frame of 75 x 100 around (80, 90)
    np.testing.assert_allclose(row.keypoints[8], (80 - 37.5 + 18 * 75 / 47, 90 - 50 + 20 * 100 / 63), atol=0.01)


def test_it_goes_there_and_back_as_json():
    answer = estimator(box=BOXES[0])(PICTURE)
    again = result_from_dict(json.loads(json.dumps(answer.to_dict(), allow_nan=False)))
    assert again.skeleton == answer.skeleton
    np.testing.assert_allclose(again.keypoints, answer.keypoints, atol=1e-4)
    assert answer.to_dict()["poses"][0]["keypoints"][0] == [None, None]


def test_points_and_limbs_are_asked_by_the_skeleton():
    answer = estimator(box=BOXES[:2], min_keypoint_score=0.5)(PICTURE)
    assert answer.point("right_ankle").tolist() == answer.keypoints[:, 16].tolist()
    drawn = np.isfinite(answer.limbs()).all(axis=(2, 3))
    seen = np.isfinite(answer.keypoints).all(axis=2)
    edges = np.array(answer.skeleton.edges)
    np.testing.assert_array_equal(drawn, seen[:, edges].all(axis=2))
    with pytest.raises(OptionError, match="keypoint must be known, got 'left_knie'; did you mean 'left_knee'"):
        answer.point("left_knie")


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (np.full((1, 17, 64, 48), np.nan, np.float32), "must be finite, got NaN or infinity; use its fp32 files"),
        (np.zeros((1, 16, 64, 48), np.float32), "must have 17 keypoints, one per label, got 16"),
        (
            np.zeros((1, 17, 64), np.float32),
            r"must be heat maps \(1, keypoints, height, width\), got shape \(1, 17, 64\)",
        ),
        (np.zeros((1, 17, 1, 48), np.float32), "must be heat maps"),
    ],
)
def test_outputs_that_are_no_heat_maps_are_refused(maps, words):
    with pytest.raises(ShapeError, match=words):
        estimator({"heatmaps": maps}, box=BOXES[0])(PICTURE)


def test_many_people_are_asked_about_in_parts():
    seen = []

    def counting(feeds):
        seen.append(len(feeds["pixel_values"]))
        return bump(feeds)

    answer = estimator(counting, box=[(10, 10, 40, 90)] * 70)(PICTURE)
    assert (len(answer), seen) == (70, [32, 32, 6])


def test_a_model_with_experts_is_told_which_set_of_keypoints_is_meant():
    told = []

    def answer(feeds):
        told.append(feeds["dataset_index"].tolist())
        return bump(feeds)

    card = replace(CARD, options={"datasets": 6, "dataset": 2})
    asked = session(answer, Tensor("dataset_index", (-1,), "int64"))
    for options in ({}, {"dataset": 5}):
        PoseEstimator(card=card, session=asked, box=BOXES[:2], **options)(PICTURE)
    assert told == [[2, 2], [5, 5]]
    with pytest.raises(OptionError, match="dataset must be a number from 0 to 5, got 6"):
        PoseEstimator(card=card, session=asked, dataset=6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset": 1}, "options.dataset must be below 1, got 1"),
        ({"edges": [[0, 17]]}, r"options.edges: edges must be pairs of keypoints from 0 to 16, got \[0, 17\]"),
        ({"edges": [[0, 1, 2]]}, "options.edges must be pairs of whole numbers from 0 up"),
        ({"labels": [1]}, "options.labels must be a list of strings"),
    ],
)
def test_cards_that_say_nonsense_are_refused(options, words):
    with pytest.raises(CardError, match=words):
        estimator(card=replace(CARD, options=options))


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="dataset must be left out for model 'vitpose-base-simple'"):
        estimator(dataset=0)
    with pytest.raises(OptionError, match="min_keypoint_score must be a number from 0 to 1, got 2"):
        estimator(min_keypoint_score=2)


def test_the_edges_of_a_card_go_before_those_that_ship_with_us():
    answer = estimator(card=replace(CARD, options={"edges": [[0, 5], [0, 6]]}), box=BOXES[0])(PICTURE)
    assert answer.skeleton.edges == ((0, 5), (0, 6))


def test_keypoints_without_names_are_numbered():
    answer = estimator(card=replace(CARD, names=()), box=BOXES[0])(PICTURE)
    assert answer.skeleton.names[:2] == ("keypoint 0", "keypoint 1")
    assert answer.skeleton.edges == ()


def test_the_people_finder_that_needs_no_download_will_do():
    finder = px.Detector.load("hog-people", threads=1)
    answer = PoseEstimator(card=CARD, session=session(), helpers={"detect": finder})(np.zeros((300, 200, 3), np.uint8))
    assert len(answer) == 0
