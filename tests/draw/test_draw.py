import dataclasses
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixwise.draw import Canvas, colour_of, draw, draw_into
from pixwise.draw.palette import PALETTE, colours_of, contrast, on
from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.results import (
    RESULTS,
    Classes,
    ClassMap,
    Codes,
    Detections,
    Embedding,
    Faces,
    LabelScores,
    Matte,
    Membership,
    ModelInfo,
    Moderation,
    Quality,
    TextLines,
)
from pixwise.samples import photo_like

BACKGROUNDS = {"black": 0, "white": 255, "grey": 128}


def blank(width, height, shade=128):
    return np.full((height, width, 3), shade, np.uint8)


def one_box(box, label="person"):
    return Detections(labels=[label], label_ids=[0], scores=[0.87], boxes=[box])


def quad_of(x1, y1, x2, y2):
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]


def samples(width, height):
    """One answer of each kind, scaled to a picture."""
    scale = np.float32([width, height])
    quad = np.float32(quad_of(0.1, 0.2, 0.8, 0.35)) * scale
    box = np.concatenate([quad[0], quad[2]])
    face = np.float32([0.2, 0.2, 0.6, 0.9]) * np.tile(scale, 2)
    points = np.float32([[0.3, 0.4], [0.5, 0.4], [0.4, 0.55], [0.32, 0.7], [0.48, 0.7]]) * scale
    return [
        one_box(face),
        Faces(scores=[0.9], boxes=[face], landmarks=[points]),
        TextLines(texts=["Total 12.50"], scores=[0.9], quads=[quad], boxes=[box]),
        Codes(kinds=["QR_CODE"], texts=["https://example.org"], quads=[quad], boxes=[box]),
        Embedding(model=ModelInfo("clip-b32"), vector=[0.6, 0.8]),
        Membership(is_in_collection=True, probability=0.93, collection="dogs", version="1", box=face),
        Moderation(
            action="block",
            because="papers",
            policy="mine",
            rules=["papers", "harmless"],
            asked=["block", "allow"],
            scores=[0.7, 0.3],
            thresholds=[0.4, 0.5],
            fired=[True, False],
            labels=["a receipt", "a landscape"],
        ),
        Matte.of(np.pad(np.full((height // 2, width), 255, np.uint8), ((0, height - height // 2), (0, 0)))),
        ClassMap(
            labels=["sky", "tree"],
            label_ids=[1, 3],
            shares=[0.6, 0.4],
            map=np.array([1, 3, 0])[np.arange(width) * 3 // width][None].repeat(height, axis=0),
        ),
        Classes(labels=["tabby cat", "tiger cat"], label_ids=[1, 2], scores=[0.8, 0.1]),
        LabelScores(
            decided="other",
            other=0.6,
            scoring="softmax",
            labels=["a dog", "a cat"],
            label_ids=[1, 0],
            scores=[0.5, 0.4],
            cosines=[0.22, 0.21],
        ),
        Quality.empty(
            colours=[[250, 0, 0], [0, 0, 250]], shares=[0.7, 0.3], hexes=["#fa0000", "#0000fa"], sharpness=99
        ),
    ]


def changed(before, after):
    return (np.asarray(after) != before).any(axis=-1)


def plate_of(picture, label):
    """(x1, y1, x2, y2) of the label's plate: the largest filled part in the label's colour."""
    px = Canvas(Image.fromarray(np.asarray(picture))).letter_px
    fill = (np.asarray(picture) == colour_of(label)).all(axis=-1).astype(np.uint8)
    fill = cv2.morphologyEx(fill, cv2.MORPH_CLOSE, np.ones((px, px)))  # letters are holes in it
    fill = cv2.morphologyEx(fill, cv2.MORPH_OPEN, np.ones((px, px)))  # lines of boxes touch it
    _, _, parts, _ = cv2.connectedComponentsWithStats(fill)
    x, y, wide, high, _ = parts[1 + parts[1:, 4].argmax()]
    return x, y, x + wide, y + high


@pytest.mark.parametrize("result", samples(320, 240), ids=lambda result: type(result).__name__)
def test_every_kind_of_answer_changes_the_picture_and_keeps_its_size(result):
    picture = photo_like(240, 320)
    drawn = draw(picture, result)
    assert drawn.size == (320, 240)
    assert drawn.mode == "RGB"
    assert 0.001 < changed(picture, drawn).mean() < 0.7


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_an_empty_answer_leaves_the_picture_as_it_is(kind):
    picture = photo_like(60, 80)
    assert not changed(picture, draw(picture, kind.empty())).any()


@pytest.mark.parametrize("result", samples(320, 240), ids=lambda result: type(result).__name__)
def test_drawing_changes_neither_the_picture_nor_the_answer_and_repeats_itself(result):
    picture = photo_like(240, 320)
    before, told = picture.copy(), result.to_dict()
    first, second = draw(picture, result), draw(picture, result)
    assert first.tobytes() == second.tobytes()
    assert np.array_equal(picture, before)
    assert result.to_dict() == told


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (20_000, 10), (10, 5_000), (200, 40)], ids=str)
def test_pictures_of_odd_shapes_can_be_drawn_on(size):
    for result in samples(*size):
        assert draw(blank(*size), result).size == size


def test_a_picture_that_was_drawn_on_can_be_asked_again():
    picture = Picture.open(photo_like(60, 80))
    before = picture.pixels()
    draw(picture, one_box([5, 5, 50, 50]))
    assert np.array_equal(picture.pixels(), before)


def lines_of(*boxes, text="Total 12.50"):
    quads = [quad_of(*box) for box in boxes]
    return TextLines(texts=[text] * len(boxes), scores=[0.9] * len(boxes), quads=quads, boxes=boxes)


def test_no_label_covers_a_read_text():
    drawn = draw(blank(320, 240), one_box([50, 100, 150, 200]), lines_of((50, 76, 200, 98)))
    assert not changed(blank(320, 240), drawn)[80:94, 54:196].any()


def test_a_box_changes_pixels_only_along_its_edges_and_on_its_label():
    touched = changed(blank(640, 480), draw(blank(640, 480), one_box([200, 200, 400, 400])))
    assert not touched[206:394, 206:394].any()  # inside
    assert not touched[:, :190].any()
    assert not touched[410:].any()
    assert not touched[:160].any()
    assert touched[198:203, 250:350].any(axis=0).all()  # the line itself


@pytest.mark.parametrize("shade", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
@pytest.mark.parametrize("label", ["person", "car", "tie", "boat"])
def test_a_line_stands_out_from_any_background(label, shade):
    drawn = np.asarray(draw(blank(300, 300, shade), one_box([50, 50, 250, 250], label)))
    across = {tuple(pixel) for pixel in drawn[240:260, 150].tolist()} - {(shade,) * 3}
    assert across == {colour_of(label), on(colour_of(label))} - {(shade,) * 3}  # the line and its halo
    assert max(contrast(colour, (shade,) * 3) for colour in across) >= 3  # WCAG 2.2 for what is not text


@pytest.mark.parametrize("size", [(200, 150), (640, 480), (6000, 4000)], ids=str)
def test_letters_are_legible_at_any_size(size):
    canvas = Canvas(Image.fromarray(blank(*size)))
    drawn = np.asarray(draw(blank(*size), one_box(np.array([0.2, 0.3, 0.9, 0.9]) * np.tile(size, 2))))
    x1, y1, x2, y2 = plate_of(drawn, "person")
    edge = 3 * canvas.halo_px
    plate = drawn[y1 + edge : y2 - edge, x1 + edge : x2 - edge].astype(int)
    letters = np.abs(plate - colour_of("person")).sum(axis=-1) > 0.5 * sum(colour_of("person"))  # at least half black
    tall = np.flatnonzero(letters.any(axis=1))
    assert tall.max() - tall.min() + 1 >= 8  # pixels of a figure's height, the least that a screen shows well
    assert (tall.max() - tall.min() + 1) / size[1] > 0.015  # still seen when the picture is shown 600 px high


def test_lines_and_letters_grow_with_the_picture():
    small, large = (Canvas(Image.fromarray(blank(*size))) for size in ((200, 150), (6000, 4500)))
    assert small.letter_px == 12
    assert 90 < large.letter_px < 150
    assert large.line_px >= 10 * small.line_px


@pytest.mark.parametrize("box", [[0, 0, 60, 40], [260, 0, 320, 30], [0, 200, 50, 240], [300, 220, 320, 240]])
def test_labels_stay_inside_the_picture(box):
    drawn = draw(blank(320, 240), one_box(box, "a rather long label"))
    x1, y1, x2, y2 = plate_of(drawn, "a rather long label")
    assert 0 <= x1 < x2 <= 320
    assert 0 <= y1 < y2 <= 240
    assert x2 - x1 > 100  # all of it


def test_a_label_wider_than_the_picture_is_cut_with_dots():
    drawn = draw(blank(200, 150), one_box([20, 50, 180, 140], "word " * 60))
    x1, _, x2, _ = plate_of(drawn, "word " * 60)
    assert 150 < x2 - x1 <= 200


def test_labels_of_one_box_are_all_seen():
    boxes, labels = [[100, 100, 200, 200]] * 5, ["cat", "person", "bus", "boat", "tie"]
    drawn = draw(blank(320, 320), Detections(labels=labels, label_ids=range(5), scores=[0.5] * 5, boxes=boxes))
    plates = [plate_of(drawn, label) for label in labels]
    for i, a in enumerate(plates):
        for b in plates[i + 1 :]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def test_a_label_does_not_hide_a_small_box():
    boxes, labels = [[100, 100, 200, 200], [105, 85, 115, 95]], ["person", "car"]
    drawn = np.asarray(
        draw(blank(320, 240), Detections(labels=labels, label_ids=[0, 1], scores=[0.9, 0.8], boxes=boxes))
    )
    assert (drawn[83:97, 103:117] == colour_of("car")).all(axis=-1).any()


def crowd_of(count, box=(20, 20, 80, 60)):
    return Detections(labels=["person"] * count, label_ids=[0] * count, scores=[0.5] * count, boxes=[box] * count)


def test_labels_that_find_no_place_are_left_out():
    forty, eighty = (np.asarray(draw(blank(120, 80), crowd_of(count))) for count in (40, 80))
    assert np.array_equal(forty, eighty)


def test_labels_of_a_crowd_are_smaller():
    widths = []
    for count in (1, 150):
        crowd = dataclasses.replace(crowd_of(count, (9, 99, 600, 400)), labels=["car"] + ["person"] * (count - 1))
        above = np.asarray(draw(blank(640, 480), crowd))[:95]  # nothing of the box, only its label
        widths.append((above == colour_of("car")).all(axis=-1).any(axis=0).sum())
    assert widths[1] < 0.8 * widths[0]


def test_boxes_outside_and_of_no_size_do_no_harm():
    boxes = [[-50, -50, -10, -10], [5, 5, 5, 5], [-20, -20, 400, 400], [90, 90, 80, 80]]
    drawn = draw(blank(100, 100), Detections(labels=["a"] * 4, label_ids=[0] * 4, scores=[1] * 4, boxes=boxes))
    assert drawn.size == (100, 100)


def test_landmarks_are_dots_where_they_are_and_missing_ones_are_left_out():
    points = np.full((1, 5, 2), np.nan)
    points[0, 0] = (60.5, 70.5)
    drawn = np.asarray(draw(blank(200, 200), Faces(scores=[1], boxes=[[20, 20, 180, 180]], landmarks=points)))
    touched = changed(blank(200, 200), drawn)[30:170, 30:170]
    y, x = np.nonzero(touched)
    assert (y.mean() + 30, x.mean() + 30) == pytest.approx((70, 60), abs=0.5)


def test_dots_on_a_small_face_are_small():
    far, near = (Canvas(Image.fromarray(blank(640, 480))) for _ in range(2))
    far.dot((100, 100), (255, 0, 0), most_px=1)
    near.dot((100, 100), (255, 0, 0))
    assert changed(blank(640, 480), far.image).sum() < 0.6 * changed(blank(640, 480), near.image).sum()


@pytest.mark.parametrize("degrees", [0, 20, 90, 160, 180, 270])
def test_a_read_text_is_outlined_at_any_angle_and_stays_to_be_seen(degrees):
    turn = np.radians(degrees)
    corners = np.array(quad_of(-90, -20, 90, 20)) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] + 150
    box = [*corners.min(axis=0), *corners.max(axis=0)]
    drawn = draw(blank(300, 300), TextLines(texts=["PIXWISE"], scores=[1], quads=[corners], boxes=[box]))
    touched = changed(blank(300, 300), drawn)
    inside = cv2.fillConvexPoly(np.zeros((300, 300), np.uint8), np.int32((corners - 150) * 0.7 + 150), 1)
    assert not touched[inside == 1].any()
    for x, y in (corners + np.roll(corners, 1, axis=0)) / 2:  # the middles of the sides
        assert touched[round(y) - 1 : round(y) + 1, round(x) - 1 : round(x) + 1].any()


@pytest.mark.parametrize("shade", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
def test_the_outline_of_a_read_text_stands_out_from_any_background(shade):
    drawn = np.asarray(draw(blank(300, 300, shade), lines_of((50, 100, 250, 200))))
    across = [tuple(pixel) for pixel in drawn[190:210, 150].tolist()]
    assert max(contrast(colour, (shade,) * 3) for colour in across) >= 3


@pytest.mark.parametrize("box", [(50, 50, 80, 54), (50, 50, 280, 90)], ids=["small", "large"])
def test_what_was_read_stands_beside_it_in_smaller_letters_that_can_be_read(box):
    touched = changed(blank(400, 150), draw(blank(400, 150), lines_of(box, text="Il")))
    rows = np.flatnonzero(touched[: box[1] - 2].any(axis=1))
    assert 12 <= len(rows) <= 18  # a plate of letters of 10 to 12 px


def test_what_was_read_is_not_written_where_lines_lie_close():
    boxes = [(2, top, 298, top + 24) for top in range(2, 98, 24)]
    drawn = draw(blank(300, 100), lines_of(*boxes))
    for _, top, _, bottom in boxes:
        assert not changed(blank(300, 100), drawn)[top + 4 : bottom - 4, 6:294].any()


def test_a_plate_at_a_code_does_not_cover_it():
    code = Codes(kinds=["QR_CODE"], texts=["hello"], quads=[quad_of(60, 4, 160, 100)], boxes=[[60, 4, 160, 100]])
    touched = changed(blank(320, 240), draw(blank(320, 240), code))
    assert not touched[8:96, 64:156].any()
    assert touched[:, 165:].any() or touched[105:].any()


def test_a_face_is_told_to_be_one():
    canvas = Canvas(Image.fromarray(blank(200, 200)))
    canvas.box((50, 50, 150, 150), colour_of("face"))
    canvas.label("face 0.50", (50, 50, 150, 150), colour_of("face"))
    face = Faces(scores=[0.5], boxes=[[50, 50, 150, 150]], landmarks=np.full((1, 5, 2), np.nan))
    assert draw(blank(200, 200), face).tobytes() == canvas.finish().tobytes()


def test_a_label_that_had_to_move_away_is_joined_to_its_box():
    canvas = Canvas(Image.fromarray(blank(300, 200)))
    canvas.box((140, 90, 160, 110), (255, 0, 0))
    for quad in (quad_of(20, 70, 280, 99), quad_of(20, 101, 280, 130)):
        canvas.caption("", np.array(quad), (0, 0, 255))
    canvas.label("moved", (140, 90, 160, 110), (255, 0, 0))
    canvas.finish()
    parts, _ = cv2.connectedComponents(changed(blank(300, 200), canvas.image).astype(np.uint8))
    assert parts == 2  # the ground, and box, line and plate as one


def test_a_legend_goes_where_the_picture_is_flat():
    picture = blank(640, 480)
    picture[:, :400] = photo_like(480, 400)
    touched = changed(picture, draw(picture, samples(640, 480)[-2]))
    assert touched.any()
    assert not touched[:, :400].any()


def test_a_legend_is_set_in_columns_where_only_a_low_strip_is_flat():
    picture = photo_like(480, 640)
    picture[400:] = 128
    rows = Quality.empty(colours=[[250, 0, 0]], shares=[1], hexes=["#fa0000"])
    touched = changed(picture, draw(picture, rows))
    assert touched.any()
    assert not touched[:400].any()


def test_a_legend_of_many_classes_stays_within_the_picture():
    many = Classes(labels=[f"class {i}" for i in range(100)], label_ids=range(100), scores=np.linspace(1, 0, 100))
    touched = changed(blank(300, 200, 255), draw(blank(300, 200, 255), many))
    assert touched[:180, :100].mean() > 0.5
    assert not touched[:, 240:].any()


def test_letters_of_a_legend_become_smaller_until_all_rows_fit():
    labels = ["cat", "person", "bus", "boat", "tie", "car", "dog", "face"]
    drawn = np.asarray(draw(blank(200, 130), Classes(labels=labels, label_ids=range(8), scores=[0.1] * 8)))
    assert all((drawn == colour_of(label)).all(axis=-1).any() for label in labels)


def test_long_rows_of_a_legend_are_cut_before_they_cover_the_picture():
    long = Classes(labels=["word " * 40], label_ids=[0], scores=[0.5])
    assert not changed(blank(300, 200), draw(blank(300, 200), long))[:, 230:].any()


def test_colours_of_a_picture_are_shown_by_their_shares():
    drawn = np.asarray(draw(blank(640, 480), samples(640, 480)[-1]))
    red, blue = ((drawn == colour).all(axis=-1).sum() for colour in ((250, 0, 0), (0, 0, 250)))
    assert red / blue == pytest.approx(7 / 3, rel=0.1)


def test_several_answers_share_one_picture_and_make_room_for_one_another():
    picture, (boxes, *_, classes, _) = blank(320, 240), samples(320, 240)
    both, *each = (changed(picture, draw(picture, *some)).sum() for some in ((boxes, classes), (boxes,), (classes,)))
    assert both == pytest.approx(sum(each), rel=0.01)


def test_drawings_of_others_results_are_registered():
    class Mine:
        box = (5, 5, 20, 20)

    with pytest.raises(OptionError, match="result must be one that can be drawn, got Mine"):
        draw(blank(30, 30), Mine())
    draw_into.register(Mine)(lambda result, canvas: canvas.box(result.box, (255, 0, 0)))
    assert changed(blank(30, 30), draw(blank(30, 30), Mine())).any()


def test_a_result_draws_itself():
    assert one_box([5, 5, 30, 30]).draw(blank(60, 60)).size == (60, 60)


def test_a_hundred_boxes_on_twelve_megapixels_are_drawn_at_once():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 2500, (100, 2))
    boxes = np.concatenate([corners, corners + random.uniform(50, 500, (100, 2))], axis=1)
    many = Detections(
        labels=[f"thing {i % 20}" for i in range(100)], label_ids=range(100), scores=[1] * 100, boxes=boxes
    )
    picture = Image.fromarray(blank(4000, 3000))
    draw(picture, many)  # letters are cut once
    started = time.process_time()
    draw(picture, many)
    assert time.process_time() - started < 0.9  # 0.1 to 0.2 when measured alone


wild = st.floats(-1e30, 1e30) | st.floats(-50, 150)


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(wild, min_size=12, max_size=12), text=st.text(max_size=30), width=st.integers(1, 120))
def test_wild_numbers_and_texts_draw_without_harm(numbers, text, width):
    box, quad = np.float64(numbers[:4]), np.float64(numbers[4:]).reshape(1, 4, 2)
    answers = (
        one_box(box, text),
        Faces(scores=[1], boxes=[box], landmarks=[[*quad[0], quad[0, 0]]]),
        TextLines(texts=[text], scores=[1], quads=quad, boxes=[box]),
        Codes(kinds=[text], texts=[text], quads=quad, boxes=[box]),
        Classes(labels=[text], label_ids=[1], scores=[1]),
    )
    assert draw(blank(width, 80), *answers).size == (width, 80)


def test_quads_that_are_lines_or_points_do_no_harm():
    for quad in ([[10, 10]] * 4, [[10, 10], [90, 10], [90, 10], [10, 10]], [[0, 0], [50, 50], [90, 90], [20, 20]]):
        lines = TextLines(texts=["flat"], scores=[1], quads=[quad], boxes=[[10, 10, 90, 11]])
        assert draw(blank(100, 60), lines).size == (100, 60)


def test_classes_that_share_a_colour_get_another_one_side_by_side():
    assert colour_of("cat") == colour_of("dog")
    assert colours_of(["cat", "dog", "cat"]) == [colour_of("cat"), PALETTE[PALETTE.index(colour_of("cat")) + 1]]
    assert len(colours_of(f"class {number}" for number in range(100))) == 100


def test_a_matte_leaves_the_subject_and_shows_a_board_where_it_is_not():
    picture, alpha = photo_like(60, 80), np.zeros((60, 80), np.uint8)
    alpha[20:40, 20:60] = 255
    drawn = np.asarray(draw(picture, Matte.of(alpha)))
    assert (drawn[alpha == 255] == picture[alpha == 255]).all()
    assert set(drawn[alpha == 0].reshape(-1)) == {204, 255}
