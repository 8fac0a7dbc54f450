"""QR and bar codes: drawn here, turned, scaled, crowded, and read."""

import time

import cv2
import numpy as np
import pytest
from draw_examples import EAN, LINK, bar_code, qr_code
from PIL import Image

from pixwise.pixels import Fit
from pixwise.samples import photo_like
from pixwise.tasks.codes import CodeReader, decode_codes


@pytest.fixture(scope="module")
def reader():
    return CodeReader.load()


def on_a_photo(code, *, size_hw=(480, 640), share=0.4, angle=0.0, centre=(0.5, 0.5), photo=None):
    """A picture (H, W, 3) with a code whose width is a share of the picture's, turned."""
    quarter = photo_like(max(1, size_hw[0] // 4), max(1, size_hw[1] // 4)) if photo is None else photo
    image = Image.fromarray(quarter).resize((size_hw[1], size_hw[0]), Image.Resampling.BICUBIC)
    scale = size_hw[1] * share / code.width
    code = code.resize((round(code.width * scale), round(code.height * scale)), Image.Resampling.BICUBIC)
    code = code.convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    corner = (round(size_hw[1] * centre[0] - code.width / 2), round(size_hw[0] * centre[1] - code.height / 2))
    image.paste(code, corner, code)
    return np.array(image)


def inside(box, picture_hw):
    return 0 <= box[0] < box[2] <= picture_hw[1] and 0 <= box[1] < box[3] <= picture_hw[0]


@pytest.mark.parametrize("angle", [0, 10, 90, 180, 217])
def test_qr_codes_are_read_at_any_angle(reader, angle):
    codes = reader(on_a_photo(qr_code(LINK), angle=angle))
    assert (codes.kinds, codes.texts) == (("QR_CODE",), (LINK,))


@pytest.mark.parametrize("angle", [0, 10, 90, 180])
def test_bar_codes_are_read_at_any_angle(reader, angle):
    codes = reader(on_a_photo(bar_code(EAN), angle=angle, share=0.5))
    assert (codes.kinds, codes.texts) == (("EAN_13",), (EAN,))


@pytest.mark.parametrize(("size_hw", "share"), [((120, 160), 0.6), ((480, 640), 0.2), ((3000, 4000), 0.08)])
def test_qr_codes_are_read_in_small_and_in_large_pictures(reader, size_hw, share):
    assert reader(on_a_photo(qr_code(LINK), size_hw=size_hw, share=share)).texts == (LINK,)


@pytest.mark.parametrize(("size_hw", "share"), [((240, 320), 0.9), ((3000, 4000), 0.2)])
def test_bar_codes_are_read_in_small_and_in_large_pictures(reader, size_hw, share):
    assert reader(on_a_photo(bar_code(EAN), size_hw=size_hw, share=share)).texts == (EAN,)


@pytest.mark.parametrize("share", [0.6, 0.8, 1.0])
def test_bar_codes_that_fill_the_picture_are_read_where_they_are(reader, share):
    codes = reader(on_a_photo(bar_code(EAN), size_hw=(960, 1280), share=share))
    assert codes.texts == (EAN,)
    middle = (codes.boxes[0, :2] + codes.boxes[0, 2:]) / 2
    assert np.abs(middle - [640, 480]).max() < 0.1 * 1280 * share


def bare(code, side, white=0):
    """A code cut off where its dark modules end, `side` pixels wide, with so much white around it."""
    dark = np.argwhere(np.array(code.convert("L")) < 128)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0) + 1
    cut = code.crop((left, top, right, bottom))
    cut = cut.resize((side, round(side * cut.height / cut.width)), Image.Resampling.BOX)
    return np.pad(np.array(cut), ((white, white), (white, white), (0, 0)), constant_values=255)


@pytest.mark.parametrize("white", [0, 2])
@pytest.mark.parametrize("side", [50, 75, 125, 200, 500, 1700])
def test_qr_codes_cut_off_at_their_edge_are_read_where_they_are(reader, side, white):
    codes = reader(bare(qr_code(LINK), side, white))
    assert codes.texts == (LINK,)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side + white
    assert np.abs(codes.quads[0] - corners).max() < 0.03 * side + 1


def test_a_light_qr_code_cut_off_at_its_edge_is_read(reader):
    assert reader(255 - bare(qr_code(LINK), 200)).texts == (LINK,)


@pytest.mark.parametrize("white", [0, 3])
@pytest.mark.parametrize("side", [190, 285, 475, 950, 1900])
def test_bar_codes_cut_off_at_their_edge_are_read_where_they_are(reader, side, white):
    picture = bare(bar_code(EAN), side, white)
    codes = reader(picture)
    assert codes.texts == (EAN,)
    middle = (codes.boxes[0, :2] + codes.boxes[0, 2:]) / 2
    assert np.abs(middle - np.array(picture.shape[1::-1]) / 2).max() < 0.1 * side


def test_several_codes_come_back_from_top_to_bottom(reader):
    first = on_a_photo(qr_code("second"), size_hw=(600, 800), share=0.25, centre=(0.2, 0.7))
    both = on_a_photo(qr_code("first"), size_hw=(600, 800), share=0.25, centre=(0.7, 0.25), photo=first)
    three = on_a_photo(bar_code(EAN), size_hw=(600, 800), share=0.4, centre=(0.7, 0.8), photo=both)
    codes = reader(three)
    assert sorted(codes.texts) == sorted(["first", "second", EAN])
    assert list(codes.boxes[:, 1]) == sorted(codes.boxes[:, 1])


def test_equal_codes_at_two_places_are_two(reader):
    one = on_a_photo(qr_code("same"), size_hw=(600, 800), share=0.25, centre=(0.2, 0.5))
    assert reader(on_a_photo(qr_code("same"), size_hw=(600, 800), share=0.25, centre=(0.8, 0.5), photo=one)).texts == (
        "same",
        "same",
    )


def test_light_on_dark_is_read(reader):
    inverted = Image.fromarray(255 - np.array(qr_code(LINK)))
    assert reader(on_a_photo(inverted)).texts == (LINK,)


def test_the_quad_is_where_the_code_was_drawn(reader):
    picture = np.full((400, 600, 3), 255, np.uint8)
    code = np.array(qr_code("here", module=5))
    picture[100 : 100 + len(code), 250 : 250 + len(code)] = code
    margin, end = 4 * 5, 100 + len(code) - 4 * 5
    expected = [[250 + margin, 100 + margin], [150 + end, 100 + margin], [150 + end, end], [250 + margin, end]]
    assert np.abs(reader(picture).quads[0] - expected).max() < 4


@pytest.mark.parametrize(("turns", "first"), [(0, 0), (1, 3), (2, 2), (3, 1)])
def test_the_quad_of_a_qr_code_starts_at_its_own_top_left(reader, turns, first):
    picture = np.rot90(np.pad(np.array(qr_code("here")), ((60, 60), (60, 60), (0, 0)), constant_values=255), turns)
    quad = reader(np.ascontiguousarray(picture)).quads[0]
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]  # of the picture, clockwise from its top left
    assert tuple((quad[0] > picture.shape[0] / 2).astype(int)) == corners[first]


def test_letters_beyond_ascii_are_read(reader):
    assert reader(np.array(qr_code("Grüße aus 東京 – 5 €"))).texts == ("Grüße aus 東京 – 5 €",)


def test_a_code_that_cannot_be_read_is_not_in_the_answer(reader):
    code = np.array(qr_code(LINK))
    code[70:150, 70:150] = 255  # more than its error correction can mend
    assert len(reader(np.pad(code, ((80, 80), (80, 80), (0, 0)), constant_values=255))) == 0


def test_pictures_without_codes_have_none(reader):
    assert len(reader(photo_like(600, 800, seed=3))) == 0


@pytest.mark.parametrize("size_hw", [(1, 1), (10, 20_000), (20_000, 10), (21, 21)])
def test_odd_sizes_have_none(reader, size_hw):
    assert len(reader(np.full((*size_hw, 3), 128, np.uint8))) == 0


def test_a_strip_of_lines_does_not_take_forever(reader):
    stripes = np.random.default_rng(104).integers(0, 2, (1, 23), dtype=np.uint8) * 255
    started = time.perf_counter()
    assert len(reader(stripes.repeat(3039, axis=0))) == 0
    assert time.perf_counter() - started < 8  # half a minute when each of OpenCV's detectors may look


def test_grey_pictures_are_read(reader):
    assert reader(cv2.cvtColor(np.array(qr_code(LINK)), cv2.COLOR_RGB2GRAY)).texts == (LINK,)


def raw(*rows):
    """Rows of (kind, text, left, top), each 10 px wide."""
    quads = [[[x, y], [x + 10, y], [x + 10, y + 10], [x, y + 10]] for _, _, x, y in rows]
    return {
        "quads": np.array([quads], np.float32).reshape(1, -1, 4, 2),
        "kinds": np.array([[kind for kind, _, _, _ in rows]], np.str_),
        "texts": np.array([[text for _, text, _, _ in rows]], np.str_),
        "scores": np.ones((1, len(rows)), np.float32),
    }


def test_readings_of_one_place_are_one_code_and_the_most_frequent_wins():
    quads, kinds, texts = decode_codes(raw(("A", "wrong", 1, 0), ("A", "x", 0, 0), ("A", "x", 0, 1), ("A", "y", 50, 0)))
    assert (kinds, texts, quads[:, 0, 0].tolist()) == (["A", "A"], ["x", "y"], [0, 50])


def test_rows_that_only_fill_a_batch_are_dropped():
    rows = raw(("A", "x", 0, 0), ("", "", 30, 0))
    rows["scores"][0, 1] = -1
    assert decode_codes(rows)[2] == ["x"]


def test_a_batch_is_as_one_by_one(reader):
    pictures = [on_a_photo(qr_code(LINK)), photo_like(480, 640)]
    together = CodeReader(card=reader.card, session=reader.session, batch=2)(pictures)
    assert [codes.texts for codes in together] == [(LINK,), ()]
    assert together[0].quads.tolist() == reader(pictures[0]).quads.tolist()


def test_quads_come_back_to_the_pixels_of_the_picture(reader):
    codes = reader.postprocess(raw(("A", "x", 10, 20)), Fit((100, 100), (50, 50), (50, 50), (0.5, 0.5)))
    assert codes.boxes.tolist() == [[20, 40, 40, 60]]


def test_boxes_end_at_the_picture_though_quads_may_go_on(reader):
    codes = reader.postprocess(raw(("A", "x", 96, 20)), Fit.identity((100, 100)))
    assert codes.boxes.tolist() == [[96, 20, 100, 30]]
    assert codes.quads[0, :, 0].max() > 100
