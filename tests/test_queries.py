"""What mask transformers say, made into segments: sizes, memory, and many queries."""

import time
import tracemalloc

import numpy as np

from pixwise.queries import Queries, classes_of, instances_of, segments_of
from pixwise.scores import best_pairs

LARGE_HW = (3000, 4000)


def many(queries=100, side=96):
    """Discs, each of another class and size."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    places, radii = random.uniform(0, side, (queries, 2)), random.uniform(4, 20, queries)
    masks = [r - np.hypot(y - py, x - px) for (py, px), r in zip(places, radii, strict=True)]
    logits = np.zeros((queries, 134), np.float32)
    logits[np.arange(queries), np.arange(queries)] = 12
    return Queries(logits, np.float32(masks), grid=384)


def held_and_seconds(work):
    tracemalloc.start()
    started = time.perf_counter()
    answer = work()
    spent = time.perf_counter() - started
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return answer, now, peak, spent


def test_a_hundred_queries_on_twelve_megapixels_take_little_memory():
    (ids, segments), _, peak, spent = held_and_seconds(
        lambda: segments_of(many(), LARGE_HW, min_score=0.5, min_mask=0.5, min_kept=0.1)
    )
    assert ids.shape == LARGE_HW
    assert len(segments) > 40
    assert peak < 60e6  # the answer itself is 12, and so is the map before its numbering
    assert spent < 5  # on a busy machine; 0.2 s on a quiet one


def test_a_hundred_masks_of_twelve_megapixels_are_held_in_little_memory():
    found, held, peak, spent = held_and_seconds(lambda: instances_of(many(), LARGE_HW, min_score=0.5, min_mask=0.5))
    assert len(found) == 100
    assert held < 60e6
    assert peak < 80e6
    assert spent < 5


def test_classes_of_pixels_need_no_map_per_class():
    ids, _, peak, _ = held_and_seconds(lambda: classes_of(many(20), LARGE_HW))
    assert ids.shape == LARGE_HW
    assert peak < 80e6


def test_a_picture_of_one_pixel_and_one_of_one_line():
    for size_hw in ((1, 1), (1, 20_000), (20_000, 1)):
        ids, _ = segments_of(many(5), size_hw, min_score=0.5, min_mask=0.5, min_kept=0.1)
        assert ids.shape == size_hw
        assert all(each.mask.size_hw == size_hw for each in instances_of(many(5), size_hw, min_score=0.1, min_mask=0.5))


def test_more_than_two_hundred_and_fifty_five_segments_need_sixteen_bits():
    masks = np.full((300, 1, 300), -30, np.float32)
    masks[np.arange(300), 0, np.arange(300)] = 30
    logits = np.zeros((300, 2), np.float32)
    logits[:, 0] = 12
    ids, segments = segments_of(Queries(logits, masks), (2, 3000), min_score=0.5, min_mask=0.5, min_kept=0.5)
    assert (ids.dtype, len(segments), ids.max()) == (np.uint16, 300, 300)


def test_the_best_pairs_of_query_and_class_are_the_first_of_equals():
    scores = np.float32([[0.5, 0.9], [0.9, 0.1]])
    queries, classes = best_pairs(scores, 3)
    assert list(zip(queries.tolist(), classes.tolist(), strict=True)) == [(0, 1), (1, 0), (0, 0)]
    assert len(best_pairs(scores, 99)[0]) == 4
    assert len(best_pairs(np.zeros((0, 4)), 3)[0]) == 0
