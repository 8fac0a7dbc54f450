import pytest
from PIL import ImageFont

from pixwise.draw.fonts import FALLBACKS, font_for, shortened, tell_missing
from pixwise.errors import OptionError


def installed(name):
    try:
        ImageFont.truetype(name, 16)
    except OSError:
        return False
    return True


def test_plain_text_is_written_in_the_font_that_every_machine_has():
    font, text = font_for("person 0.87", 20)
    assert font.getname() == ImageFont.load_default(20).getname()
    assert text == "person 0.87"


def test_letters_grow_with_the_size():
    small, large = (font_for("Hg", px)[0].getbbox("H") for px in (10, 100))
    assert large[3] - large[1] == pytest.approx(10 * (small[3] - small[1]), rel=0.2)


def test_line_breaks_and_controls_become_spaces():
    assert font_for("two\nlines\t\r here", 12)[1] == "two lines here"


def test_a_lone_surrogate_does_not_break_drawing():
    assert font_for("a\ud800b", 12)[1] == "a?b"


@pytest.mark.skipif(not installed("DejaVuSans.ttf"), reason="needs DejaVu Sans")
def test_other_letters_are_written_in_a_font_of_the_machine():
    font, text = font_for("Ärger Ωμέγα Жук", 20)
    assert text == "Ärger Ωμέγα Жук"
    assert font.getname()[0] == "DejaVu Sans"


def test_without_fonts_accents_fall_off_and_the_rest_becomes_a_question_mark(monkeypatch):
    monkeypatch.setattr("pixwise.draw.fonts._installed", lambda: ())
    assert font_for("Ärger 中", 20)[1] == "Arger ?"


def test_what_no_font_has_is_never_drawn_as_nothing():
    font, text = font_for("\U0001f9ff", 20)  # an emoji; colour fonts are not used
    assert font.getmask(text).getbbox() is not None


def test_a_font_of_the_users_choice_goes_first(monkeypatch):
    chosen = next((name for name in FALLBACKS if installed(name)), None)
    if chosen is None:
        pytest.skip("needs any font on the machine")
    monkeypatch.setenv("PIXWISE_FONT", chosen)
    assert font_for("abc", 20)[0].getname() == ImageFont.truetype(chosen, 20).getname()


def test_a_missing_font_of_the_users_choice_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PIXWISE_FONT", str(tmp_path / "none.ttf"))
    with pytest.raises(OptionError, match=r"PIXWISE_FONT must be a font file, got .*none\.ttf'; unset it"):
        font_for("abc", 20)


def test_letters_that_no_font_has_are_told_once(monkeypatch, caplog):
    monkeypatch.setattr("pixwise.draw.fonts._installed", lambda: ())
    monkeypatch.setattr("pixwise.draw.fonts._TOLD", set())
    for _ in range(2):
        tell_missing(["Ärger?", "中国 0.87", "人中"])
    assert caplog.messages == [
        "drawn as ? for want of a font: 中 人 国; PIXWISE_FONT may name the file of one that has them"
    ]


@pytest.mark.parametrize("end", [" 0.87", " -0.12", " 0.87, from 0.50"])
def test_a_long_label_loses_words_and_keeps_its_score(end):
    text = shortened("a photograph of a very long-winded thing" + end, 20, 250)
    assert text.startswith("a ph")
    assert text.endswith("…" + end)
    assert font_for(text, 20)[0].getlength(text) <= 250


def test_where_a_score_alone_has_no_room_the_words_stay():
    assert shortened("person 0.87", 20, 40) == shortened("person", 20, 40) != ""
