"""What stands out, found by finders that are made up."""

import base64
import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from pixwise.picture import Limits, Picture
from pixwise.results import Detections, Faces
from pixwise.samples import photo_like
from pixwise.serve.batcher import Traffic
from pixwise.serve.prominence import Prominence
from pixwise.serve.together import Once

PIXELS = photo_like(90, 120)


def persons(*boxes, scores=(0.5, 0.9, 0.7), labels=("person",) * 3):
    count = len(boxes)
    return Detections(labels=labels[:count], label_ids=[0] * count, scores=scores[:count],
                      boxes=np.float32(boxes).reshape(-1, 4))  # fmt: skip


def faces(*boxes, scores=(0.5, 0.9, 0.7)):
    marks = np.float32([[[box[0], box[1]]] * 5 for box in boxes]).reshape(-1, 5, 2)
    return Faces(scores=scores[: len(boxes)], boxes=np.float32(boxes).reshape(-1, 4), landmarks=marks)


def prominence(found, seen, counts=None):
    counts = Counter() if counts is None else counts

    def find(name, result):
        def finder(part):
            counts[name, part.box] += 1
            return result

        return finder

    once = Once(Traffic())
    return Prominence(Picture.open(PIXELS), find("persons", found), find("faces", seen), once, Limits())


def test_the_most_certain_person_is_taken_not_the_largest_and_no_dog():
    found = persons((0, 0, 120, 90), (10, 10, 40, 80), (1, 1, 2, 2), labels=("person", "person", "dog"))
    assert prominence(found, faces()).person() == (10, 10, 40, 80)
    dogs = persons((0, 0, 120, 90), labels=("dog",))
    assert prominence(dogs, faces()).person() is None


def test_a_box_is_of_whole_pixels_and_inside_the_picture():
    assert prominence(persons((-3.2, 4.7, 130.5, 88.01)), faces()).person() == (0, 4, 120, 89)


def test_a_face_in_a_crop_comes_back_to_the_whole_picture():
    made = prominence(persons((20.5, 10, 60, 80)), faces((1.5, 2.5, 11.5, 12.5)))
    [face] = made.face("prominent_person")
    assert face.box.tolist() == [21.5, 12.5, 31.5, 22.5]
    assert face.landmarks[0].tolist() == [21.5, 12.5]
    assert made.face_box("prominent_person") == (21, 12, 32, 23)
    assert made.face("prominent_person").image.width == 120


def test_the_most_certain_face_is_taken_not_the_first_and_not_the_last():
    made = prominence(persons(), faces((1, 2, 11, 12), (30, 30, 40, 45), (50, 50, 90, 90)))
    assert made.face_box("whole_image") == (30, 30, 40, 45)
    assert [face.score for face in made.face("whole_image")] == [0.9]


def test_a_face_of_the_whole_picture_stays_where_it_is():
    counts = Counter()
    made = prominence(persons((20, 10, 60, 80)), faces((1, 2, 11, 12)), counts)
    assert made.face_box("whole_image") == (1, 2, 11, 12)
    assert counts == {("faces", None): 1}


def test_without_a_person_the_whole_picture_is_looked_at_once_for_both_contexts():
    counts = Counter()
    made = prominence(persons(), faces((1, 2, 11, 12)), counts)
    assert made.part("prominent_person", "whole_image").box is None
    assert made.face_box("prominent_person") == made.face_box("whole_image") == (1, 2, 11, 12)
    assert counts == {("persons", None): 1, ("faces", None): 1}


def test_without_a_face_there_is_no_part():
    assert prominence(persons((20, 10, 60, 80)), faces()).part("prominent_face", "prominent_person") is None


def test_a_part_is_the_pixels_of_its_box_and_so_is_its_png():
    made = prominence(persons((20, 10, 60, 80)), faces())
    part = made.part("prominent_person", "whole_image")
    assert np.array_equal(part.picture.pixels(), PIXELS[10:80, 20:60])
    png = Image.open(io.BytesIO(base64.b64decode(made.png(part))))
    assert (png.format, np.array_equal(np.array(png), PIXELS[10:80, 20:60])) == ("PNG", True)


def test_each_is_found_and_cut_once_whoever_asks():
    counts = Counter()
    made = prominence(persons((20, 10, 60, 80)), faces((1, 2, 11, 12)), counts)
    with ThreadPoolExecutor(8) as crowd:
        parts = list(crowd.map(lambda _: made.part("prominent_face", "prominent_person"), range(32)))
    assert counts == {("persons", None): 1, ("faces", (20, 10, 60, 80)): 1}
    assert len(set(map(id, parts))) == 1
    assert made.png(parts[0]) is made.png(parts[1])
