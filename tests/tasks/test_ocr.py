"""Printed text: what was drawn here is read, in order, where it was drawn."""

import copy
import io

import numpy as np
import pytest
from draw_examples import COLUMNS, ITEMS, PAPER, TOTAL, font, page, receipt
from PIL import Image, ImageDraw

from pixwise import registry
from pixwise.errors import OptionError
from pixwise.pixels import Fit
from pixwise.session import FakeSession
from pixwise.tasks.ocr import TextReader


@pytest.fixture(scope="module")
def reader():
    return TextReader.load(threads=1)


def bare(text):
    """Without spaces, which the model now and then drops between digits."""
    return "".join(text.split())


def note(text, *, size_wh=(640, 200), at=(60, 80), size=40, ink="black", paper="white"):
    """One line of text whose ink starts at `at`; also the box of the ink."""
    image = Image.new("RGB", size_wh, paper)
    pen = ImageDraw.Draw(image)
    left, top, _, _ = font(size).getbbox(text)
    pen.text((at[0] - left, at[1] - top), text, ink, font(size))
    return image, pen.textbbox((at[0] - left, at[1] - top), text, font(size))


def centre(box):
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def is_around(box, ink, slack):
    """The box holds the ink and is no more than `slack` pixels larger on any side."""
    outer = np.array([ink[0] - box[0], ink[1] - box[1], box[2] - ink[2], box[3] - ink[3]])
    return bool((outer >= -0.15 * slack).all() and (outer <= slack).all())


PAGE = ["Notes on the Shore", *COLUMNS[0], *COLUMNS[1]]


def test_a_receipt_is_read_with_its_prices_beside_the_items(reader):
    lines = [bare(text) for text in reader(receipt()).texts]
    expected = [bare(word) for item in ITEMS for word in item]
    start = lines.index(expected[0])
    assert lines[start : start + len(expected)] == expected
    assert lines[start + len(expected) :][:3] == ["TOTAL", TOTAL, "PAIDINCASH"]


@pytest.mark.parametrize("turns", range(4))
def test_a_page_of_two_columns_is_read_column_by_column_however_it_lies(reader, turns):
    lines = reader(np.rot90(np.array(page()), turns))
    assert list(lines.texts) == PAGE
    assert lines.text == "\n".join(PAGE)


@pytest.mark.parametrize("angle", [7, 45, 180, 225])
def test_a_turned_receipt_is_read_in_the_same_order(reader, angle):
    straight = [bare(text) for text in reader(receipt()).texts]
    skewed = receipt().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
    assert [bare(text) for text in reader(skewed).texts] == straight


@pytest.mark.parametrize("size_wh", [(320, 120), (640, 200), (2400, 1800)])
def test_the_box_is_around_the_ink(reader, size_wh):
    size = size_wh[1] // 6
    image, ink = note("Harbour 42", size_wh=size_wh, at=(size_wh[0] // 9, size_wh[1] // 3), size=size)
    lines = reader(image)
    assert lines.texts == ("Harbour 42",)
    assert is_around(lines.boxes[0], ink, slack=0.35 * size)
    assert centre(lines.boxes[0]) == pytest.approx(centre(ink), abs=0.1 * size)


@pytest.mark.parametrize(("turns", "first"), [(0, 0), (1, 3), (2, 2), (3, 1)])
def test_the_quad_starts_at_the_texts_own_top_left(reader, turns, first):
    image, _ = note("Harbour Street", size_wh=(600, 600), at=(120, 280))
    quad = reader(np.rot90(np.array(image), turns)).quads[0]
    box = np.array([quad.min(axis=0), quad.max(axis=0)])  # corners clockwise from the picture's top left:
    corners = [box[0], [box[1, 0], box[0, 1]], box[1], [box[0, 0], box[1, 1]]]
    assert quad[0] == pytest.approx(np.array(corners[first]), abs=3)


def test_a_turned_jpeg_with_its_exif_note_gives_the_same_lines(reader):
    image, _ = note("Harbour 42")
    upright, turned, exif = io.BytesIO(), io.BytesIO(), Image.Exif()
    exif[274] = 8
    image.save(upright, "PNG")
    image.rotate(-90, expand=True).save(turned, "PNG", exif=exif)
    one, other = reader(upright.getvalue()), reader(turned.getvalue())
    assert one.texts == other.texts == ("Harbour 42",)
    assert np.array_equal(one.quads, other.quads)


def test_small_letters_on_a_12_megapixel_page_are_read_where_they_are(reader):
    words = [f"Parcel {n} of the shore, lot {7 * n}" for n in range(1, 9)]
    image = Image.new("RGB", (4000, 3000), "white")
    pen = ImageDraw.Draw(image)
    for row, text in enumerate(words):
        pen.text((2600, 300 + 300 * row), text, "black", font(24))
    lines = reader(image)
    assert [bare(text) for text in lines.texts] == [bare(text) for text in words]
    assert lines.boxes[:, 0] == pytest.approx(np.full(8, 2600), abs=12)


def test_a_sheet_that_is_searched_in_pieces_gives_the_same_lines(reader):
    engine = copy.copy(reader.session.engine)
    engine.large, engine.least, engine.tile = 100_000, 1.0, 416
    sheet = Image.new("RGB", (1400, 1000), "white")  # with pieces where nothing is, and lines across their edges
    sheet.paste(page(), (200, 40))
    whole, pieces = (run(np.array(sheet)) for run in (reader.session.engine, engine))
    assert sorted(pieces["texts"]) == sorted(whole["texts"])
    by_text = [answer["quads"][np.argsort(answer["texts"])] for answer in (whole, pieces)]
    assert by_text[0] == pytest.approx(by_text[1], abs=8)


@pytest.mark.parametrize(
    ("size_hw", "searched_hw"), [((300, 400), (600, 800)), ((3000, 4000), (1225, 1633)), ((6000, 9000), (1500, 2250))]
)
def test_lines_are_looked_for_in_one_or_two_megapixels_but_at_a_quarter_of_the_size_at_least(
    reader, size_hw, searched_hw
):
    assert reader.session.engine._size(np.zeros((*size_hw, 3), np.uint8)).shape[:2] == searched_hw


@pytest.mark.parametrize("size", [150, 300, 400])
def test_letters_that_fill_the_picture_are_one_line(reader, size):
    image = Image.new("RGB", (1600, 1200), "white")
    ImageDraw.Draw(image).text((800, 600), "OPEN 24", "black", font(size), anchor="mm")
    assert reader(image).texts == ("OPEN 24",)


def test_coloured_text_on_a_coloured_ground_is_read(reader):
    image, _ = note("Harbour 42", ink=(200, 20, 20), paper=(30, 30, 160))
    assert reader(image).texts == ("Harbour 42",)


def test_light_text_on_dark_and_grey_pictures_are_read(reader):
    image, _ = note("Harbour 42", ink="white", paper="black")
    assert reader(np.array(image.convert("L"))).texts == ("Harbour 42",)


@pytest.mark.assets
def test_a_strip_of_print_is_read_to_the_letter(reader, assets):
    truth = "To facilitate the shot type analysis in videos, we collect MovieShots, a large-scale"
    assert reader(assets / "data/photos/en_rec.jpg").texts == (truth,)


@pytest.mark.assets
def test_print_in_a_picture_is_read_line_by_line(reader, assets):
    lines = reader(assets / "data/photos/en.jpg").texts
    assert lines[-1] == "of this dataset are specified as follows."
    assert lines[-3].startswith("To facilitate the shot type analysis")


@pytest.mark.oracle
@pytest.mark.parametrize("drawing", [receipt, page])
def test_the_lines_are_those_of_rapidocr(reader, drawing):
    from rapidocr import RapidOCR

    pixels = np.array(drawing())
    reference = RapidOCR(params={"Global.log_level": "error"})(pixels[..., ::-1].copy())
    assert sorted(map(bare, reader(pixels).texts)) == sorted(map(bare, reference.txts))


def test_nothing_in_the_picture_is_no_lines(reader):
    for value in (0, 128, 255):
        assert reader(np.full((300, 400, 3), value, np.uint8)).text == ""


@pytest.mark.parametrize("size_hw", [(1, 1), (10, 20_000), (20_000, 10), (2, 3)])
def test_odd_sizes_have_no_lines(reader, size_hw):
    assert len(reader(np.full((*size_hw, 3), 128, np.uint8))) == 0


def test_options_of_one_call_do_not_stay_for_the_next(reader):
    image = receipt()
    strict = TextReader(card=reader.card, session=reader.session, min_score=1.0)
    before = reader(image).texts
    assert len(strict(image)) < len(before)
    assert reader(image).texts == before


def fake(*rows):
    """A reader whose model says (text, score) rows, one below the other."""
    quads = [[[0, 10 * i], [50, 10 * i], [50, 10 * i + 8], [0, 10 * i + 8]] for i in range(len(rows))]
    answer = {
        "quads": np.array([quads], np.float32),
        "texts": np.array([[text for text, _ in rows]], np.str_),
        "scores": np.array([[score for _, score in rows]], np.float32),
    }
    return TextReader(card=registry.card("rapidocr"), session=FakeSession(answer)), answer


def test_uncertain_blank_and_missing_lines_are_dropped():
    reader, answer = fake(("sure", 0.9), ("unsure", 0.3), ("  ", 0.9), ("", -1))
    assert reader.postprocess(answer, Fit.identity((100, 100))).texts == ("sure",)


def test_quads_come_back_to_the_pixels_of_the_picture():
    reader, answer = fake(("sure", 0.9))
    lines = reader.postprocess(answer, Fit((200, 200), (100, 100), (100, 100), (0.5, 0.5)))
    assert lines.boxes.tolist() == [[0, 0, 100, 16]]


def test_boxes_end_at_the_picture_though_quads_may_go_on():
    reader, answer = fake(("sure", 0.9))
    lines = reader.postprocess(answer, Fit.identity((6, 40)))
    assert lines.boxes.tolist() == [[0, 0, 40, 6]]


def test_min_score_out_of_range_is_refused():
    with pytest.raises(OptionError, match="min_score must be a number from 0 to 1, got 3"):
        TextReader.load(min_score=3)


def test_memory_of_one_picture_is_not_kept_for_the_next(reader):
    # With onnxruntime's arena the process grew with every new size: 1.3 GB after a page of 12 megapixels, without 0.6.
    for step in (reader.session.engine._finder, reader.session.engine._turner, reader.session.engine._reader):
        assert step.session.session.get_session_options().enable_cpu_mem_arena is False


def test_the_model_sees_blue_first(reader):
    engine, seen = copy.copy(reader.session.engine), []
    turner = engine._turner

    def look(crops):
        seen.extend(crops)
        return turner(crops)

    look.cls_thresh = turner.cls_thresh
    engine._turner = look
    engine(np.array(note("Harbour 42", paper=(0, 0, 255))[0]))
    assert np.median(seen[0], axis=(0, 1)).tolist() == [255, 0, 0]


WRITTEN = "EXIT" + "".join(f"<loc_{bin}>" for bin in (100, 100, 300, 100, 300, 200, 100, 200))


def florence(text, log_probs, **options):
    card = registry.card("florence2-base-ocr")
    ends = np.cumsum([len(text) // len(log_probs)] * len(log_probs))
    raw = {"text": np.array([text]), "token_ends": ends[None], "log_probs": np.float32([log_probs])}
    return TextReader(card=card, session=FakeSession(raw), **options)


def test_lines_that_were_written_with_places_lie_where_they_say():
    found = florence(WRITTEN, [-0.5] * 4)(np.zeros((200, 400, 3), np.uint8))
    assert found.texts == ("EXIT",)
    np.testing.assert_allclose(found.boxes, [[40.2, 20.1, 120.2, 40.1]], atol=1e-3)
    np.testing.assert_allclose(found.quads[0, 1], [120.2, 20.1], atol=1e-3)
    np.testing.assert_allclose(found.scores, np.exp(-0.5))


def test_lines_that_were_written_unsurely_stay_unless_told():
    picture = np.zeros((200, 400, 3), np.uint8)
    assert len(florence(WRITTEN, [-5.0] * 4)(picture)) == 1
    assert len(florence(WRITTEN, [-5.0] * 4, min_score=0.5)(picture)) == 0


@pytest.mark.parametrize("text", ["", "I see a sign", "EXIT<loc_1><loc_2>", "<loc_1>" * 9, "<<<>>>", "\x00" * 20])
def test_nonsense_is_no_line(text):
    assert len(florence(text, [-1.0])(np.zeros((20, 40, 3), np.uint8))) == 0
