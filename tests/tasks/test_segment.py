"""Masks of what is pointed at: prompts reach the decoder, the best candidate comes back at full size."""

import dataclasses
import threading

import numpy as np
import pytest

import pixwise as px
from pixwise import registry
from pixwise.errors import OptionError, ShapeError
from pixwise.masks import Mask
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.segment import Segmenter

EMBEDDINGS = ("image_embeddings.0", "image_embeddings.1", "image_embeddings.2")
SAM2 = registry.card("sam2.1-tiny", "segment")
SLIM = registry.card("slimsam", "segment")


def blobs(count, levels=(1.0, 3.0, 2.0), side=8):
    """Logits (1, N, 3, side, side): candidate c is above 0 in a square of 2 + 2c cells at the top left."""
    low = np.full((1, count, len(levels), side, side), -3, np.float32)
    for candidate, level in enumerate(levels):
        low[:, :, candidate, : 2 + 2 * candidate, : 2 + 2 * candidate] = level
    return low


def session_of(card, scores=(0.5, 0.9, 0.7), answer=blobs):
    """An encoder and a decoder that answers the same for each object."""
    names = [*EMBEDDINGS, "input_points", "input_labels", "input_boxes"]
    names = ["image_embeddings.0", "input_points", "input_labels"] if card.head == "sam" else names

    def decoder(feeds):
        count = max(feeds[name].shape[1] for name in names if name in ("input_points", "input_boxes"))
        return {"pred_masks": answer(count), "iou_scores": np.float32([[scores] * count])}

    inputs = {
        "encoder": (Tensor("pixel_values", (-1, 3, -1, -1), "float"),),
        "decoder": tuple(Tensor(name, (), "float") for name in names),
    }
    seen = {name: np.zeros((1, 2, 4, 4), np.float32) for name in EMBEDDINGS}
    return FakeSession({}, inputs, parts={"encoder": seen, "decoder": decoder})


def segmenter(card=SAM2, session=None, **options):
    return Segmenter(card=card, session=session or session_of(card), **options)


def fed(task, name):
    return [feeds[name] for feeds in task.session.fed if name in feeds]


def test_the_best_candidate_comes_back_in_pixels_of_the_picture():
    answer = segmenter()(photo_like(160, 320))
    assert answer.scores.tolist() == [pytest.approx(0.9)]
    assert answer[0].mask.size_hw == (160, 320)
    np.testing.assert_allclose(answer.boxes, [[0, 0, 4 * 40, 4 * 20]], atol=1)
    assert answer[0].area == answer[0].mask.open().sum()


def test_all_candidates_come_best_first():
    answer = segmenter(multimask=True)(photo_like(160, 320))
    np.testing.assert_allclose(answer.scores, [0.9, 0.7, 0.5], atol=1e-6)
    assert answer.areas.argsort().tolist() == [2, 0, 1]
    assert answer.objects.tolist() == [0, 0, 0]


def test_points_reach_the_decoder_in_pixels_of_the_tensor():
    task = segmenter(points=[(160, 40), (0, 160)], labels=[1, 0])
    task(photo_like(160, 320))
    assert fed(task, "input_points")[0].tolist() == [[[[512, 256], [0, 1024]]]]
    assert fed(task, "input_labels")[0].tolist() == [[[1, 0]]]
    assert fed(task, "input_boxes")[0].shape == (1, 0, 4)


def test_of_a_padded_square_the_part_with_the_picture_is_taken():
    answer = segmenter(SLIM)(photo_like(160, 320))  # 8 x 8 logits, of which 4 x 8 are picture
    assert answer.boxes[0].tolist() == pytest.approx([0, 0, 160, 160], abs=1)


def test_boxes_alone_have_points_of_length_0():
    task = segmenter(box=[(0, 0, 160, 80), (160, 80, 320, 160)])
    assert task(photo_like(160, 320)).objects.tolist() == [0, 1]
    assert fed(task, "input_points")[0].shape == (1, 1, 0, 2)
    assert fed(task, "input_labels")[0].shape == (1, 2, 0)
    assert fed(task, "input_boxes")[0].tolist() == [[[0, 0, 512, 512], [512, 512, 1024, 1024]]]


def test_points_with_boxes_are_asked_object_by_object():
    task = segmenter(box=[(0, 0, 99, 99), (9, 9, 99, 99)], points=[[(5, 5)], [(20, 20)]])
    assert task(photo_like(160, 320)).objects.tolist() == [0, 1]
    assert [array.shape for array in fed(task, "input_boxes")] == [(1, 1, 4)] * 2


def test_a_scene_is_encoded_once_and_answers_as_the_picture_does():
    task, picture = segmenter(), photo_like(160, 320)
    scene = task.encode(picture)
    answers = [task(scene, points=[(x, 9)]) for x in (1, 2, 3)]
    assert len(fed(task, "pixel_values")) == 1
    assert answers[0] == segmenter(points=[(1, 9)])(picture)
    assert set(answers[0].timings_ms) == {"decode", "postprocess"}


def test_a_scene_is_small_and_frozen():
    scene = segmenter().encode(photo_like(160, 320))
    assert (scene.image.width, scene.image.height, scene.model.id) == (320, 160, "sam2.1-tiny")
    assert scene.bytes == 3 * 2 * 4 * 4 * 4
    assert len(repr(scene)) < 300
    with pytest.raises(ValueError, match="read-only"):
        scene.embeddings["image_embeddings.0"][:] = 1


def test_a_scene_serves_many_threads():
    task = px.Segmenter.load("grabcut")
    scene = task.encode(photo_like(60, 80))
    boxes = [(x, 5, x + 30, 50) for x in range(0, 40, 10)]
    wanted, found = [task(scene, box=box) for box in boxes], {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: task(scene, box=boxes[n])})) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [found[n] for n in range(4)] == wanted


def test_a_scene_of_another_model_is_refused():
    scene = segmenter().encode(photo_like(60, 80))
    with pytest.raises(OptionError, match=r"scene must be of model 'slimsam', got one of 'sam2.1-tiny'; encode the"):
        segmenter(SLIM)(scene)


def test_prompts_of_a_call_take_the_place_of_those_of_the_task():
    task = segmenter(points=[(5, 5)], labels=[0])
    task(photo_like(160, 320), box=(1, 1, 9, 9))
    assert fed(task, "input_points")[0].size == 0


def test_a_model_that_takes_no_boxes_says_so_before_it_is_loaded():
    with pytest.raises(OptionError, match=r"box must be left out for model 'slimsam', which takes points, grid; c"):
        Segmenter.check(SLIM, {"box": (1, 2, 3, 4)})
    with pytest.raises(OptionError, match=r"mask must be left out for model 'sam2.1-tiny', which takes points, box"):
        segmenter()(photo_like(60, 80), mask=np.ones((60, 80), bool))
    with pytest.raises(OptionError, match=r"grid must be left out for model 'grabcut', which takes points, box, mask"):
        px.Segmenter.load("grabcut", grid=8)


def test_the_grid_keeps_good_masks_each_once():
    task = segmenter(grid=3)
    answer = task(photo_like(160, 320))
    assert len(answer) == 1
    assert answer.scores.tolist() == [pytest.approx(0.9)]
    assert fed(task, "input_points")[0].shape == (1, 9, 1, 2)


def test_everything_leaves_prompts_aside():
    assert len(segmenter(points=[(5, 5)]).everything(photo_like(160, 320), grid=3)) == 1
    with pytest.raises(OptionError, match="grid must be 0 where there are points, boxes or masks, got both"):
        segmenter(grid=3, points=[(5, 5)])


def test_many_objects_are_decoded_in_steps():
    task = segmenter(points=[(x % 320, 5) for x in range(130)], apart=True)
    assert task(photo_like(160, 320)).objects.tolist() == list(range(130))
    assert [len(array[0]) for array in fed(task, "input_points")] == [64, 64, 2]


def test_masks_with_too_low_a_score_or_stability_are_dropped():
    assert len(segmenter(min_score=0.95)(photo_like(60, 80))) == 0
    assert len(segmenter(min_score=0.6, multimask=True)(photo_like(60, 80))) == 2
    steady = segmenter(session=session_of(SAM2, answer=lambda n: blobs(n, (0.5, 0.5, 0.5))), min_stability=0.5)
    assert len(steady(photo_like(60, 80))) == 0


def test_an_object_of_which_nothing_is_found_has_no_row():
    empty = session_of(SAM2, answer=lambda count: blobs(count) - 99 * (np.arange(count) == 0)[:, None, None, None])
    answer = segmenter(session=empty, points=[(1, 1), (5, 5)], apart=True)(photo_like(60, 80))
    assert answer.objects.tolist() == [1]


def test_holes_and_islands_are_tidied():
    def holed(count):
        low = np.full((1, count, 1, 8, 8), -3, np.float32)
        low[..., :6, :6] = 3
        low[..., 2:4, 2:4] = -3
        return low

    plain = segmenter(session=session_of(SAM2, (0.9,), holed))(photo_like(80, 80))
    filled = segmenter(session=session_of(SAM2, (0.9,), holed), fill_holes=1000)(photo_like(80, 80))
    assert filled[0].area > plain[0].area + 200


def test_nan_of_a_model_is_told():
    broken = session_of(SAM2, answer=lambda count: np.full((1, count, 3, 8, 8), np.nan, np.float32))
    with pytest.raises(ShapeError, match=r"model 'sam2.1-tiny' must give finite masks and scores, got NaN; use its"):
        segmenter(session=broken)(photo_like(60, 80))


def test_one_bad_picture_harms_no_other():
    task = segmenter(points=[(70, 50)])
    answers = task([photo_like(60, 80), photo_like(20, 20), photo_like(60, 80)], on_error="return")
    assert [type(answer).__name__ for answer in answers] == ["Masks", "OptionError", "Masks"]


def test_one_line_takes_a_point_by_place_or_by_name():
    scene = photo_like(60, 80)
    by_name = px.segment(scene, point=(20, 20), model="grabcut")
    assert px.segment(scene, (20, 20), model="grabcut") == px.segment(scene, "20,20", model="grabcut") == by_name
    with pytest.raises(OptionError, match="points of segment must be given once, got it twice; leave one out"):
        px.segment(scene, (20, 20), point=(3, 4), model="grabcut")


def test_the_answer_reads_back_from_json():
    answer = segmenter(multimask=True)(photo_like(60, 80))
    back = type(answer).from_dict(answer.to_dict())
    assert back.masks == answer.masks
    assert isinstance(back[0].mask, Mask)


def test_options_stay_as_they_are_when_a_task_is_made_from_another():
    task = segmenter(points=[(1, 2), (3, 4)], labels=[1, 0], apart=True)
    assert dataclasses.replace(task, multimask=True).points == task.points == (((1, 2),), ((3, 4),))
    assert "points=" in repr(task)
