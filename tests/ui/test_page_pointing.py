"""Cutting out: before and after behind an edge; pointing at what is meant, by pointer and by keys."""

import io

from PIL import Image

RED = (170, 450)  # of the card in scene.png


def test_before_and_after_stand_behind_an_edge(tab):
    page = tab.ask("background", "pear.jpg")
    assert page.locator("#compare").is_visible()
    assert not page.locator("#view").is_visible()
    page.locator("#edge").fill("80")
    assert page.evaluate("getComputedStyle(document.querySelector('.after')).clipPath") == "inset(0px 0px 0px 80%)"


def test_the_edge_is_moved_by_keys(tab):
    page = tab.ask("background", "pear.jpg")
    page.locator("#edge").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#edge").get_attribute("aria-valuetext") == "51 % before, 49 % after"


def test_the_cut_out_is_kept_with_its_transparency(tab):
    page = tab.ask("background", "pear.jpg")
    with page.expect_download() as kept:
        page.get_by_role("button", name="Save picture").click()
    assert kept.value.suggested_filename == "pear.cut.png"
    with Image.open(io.BytesIO(kept.value.path().read_bytes())) as cut:
        assert cut.mode == "RGBA"
        assert cut.getpixel((5, 5))[3] == 0
        assert cut.getpixel((360, 350))[3] == 255


def test_something_else_can_stand_behind_the_cut_out(tab):
    page = tab.ask("background", "pear.jpg")
    page.get_by_label("white").check()
    assert page.evaluate("getComputedStyle(document.querySelector('.after')).backgroundColor") == "rgb(255, 255, 255)"


def test_another_task_puts_the_plain_picture_back(tab):
    page = tab.ask("background", "pear.jpg")
    page.get_by_role("radio", name="quality").check()
    tab.answered()
    assert page.locator("#view").is_visible()
    assert not page.locator("#compare").is_visible()


def test_a_click_asks_what_is_there(tab, last):
    page = tab.show("segment", "scene.png")
    with page.expect_response("**/v1/segment"):
        tab.click_picture(*RED)
    tab.answered()
    (told,) = last()["points"]
    assert max(abs(told[0] - RED[0]), abs(told[1] - RED[1])) < 2
    assert list(last()["labels"]) == [1]
    assert page.locator(".count").inner_text() == "1 mask"


def test_a_click_with_shift_says_what_is_not_meant(tab, last):
    page = tab.show("segment", "scene.png")
    tab.click_picture(*RED)
    tab.answered()
    with page.expect_response("**/v1/segment"):
        tab.click_picture(430, 450, modifiers=["Shift"])
    tab.answered()
    assert list(last()["labels"]) == [1, 0]


def test_a_drag_is_a_box(tab, last):
    page = tab.show("segment", "scene.png")
    corner = page.locator("#ink").bounding_box()
    with page.expect_response("**/v1/segment"):
        page.mouse.move(corner["x"] + 200, corner["y"] + 380)
        page.mouse.down()
        page.mouse.move(corner["x"] + 40, corner["y"] + 250, steps=4)
        page.mouse.up()
    tab.answered()
    x1, y1, x2, y2 = last()["box"][0] if len(last()["box"]) == 1 else last()["box"]
    assert (x1 < x2, y1 < y2, "points" in last()) == (True, True, False)


def test_nothing_is_asked_before_somebody_points_or_presses(tab, last):
    page = tab.show("segment", "scene.png")
    assert page.locator("#answers .card").count() == 0
    with page.expect_response("**/v1/segment"):
        page.get_by_role("button", name="Ask", exact=True).click()
    assert last() == {}


def test_marks_are_taken_back(tab):
    page = tab.show("segment", "scene.png")
    tab.click_picture(*RED)
    tab.answered()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector("#hint:visible")
    assert page.locator("#answers .card").count() == 0
    assert page.get_by_role("button", name="Clear").is_disabled()


def test_pointing_goes_by_keys(tab, last):
    page = tab.show("segment", "scene.png")
    page.locator("#view").focus()
    page.keyboard.press("ArrowRight")
    with page.expect_response("**/v1/segment"):
        page.keyboard.press("Enter")
    tab.answered()
    assert last()["points"][0][0] > 400
    page.keyboard.press("b")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    with page.expect_response("**/v1/segment"):
        page.keyboard.press("b")
    tab.answered()
    assert "box" in last()


def test_a_mask_is_drawn_and_can_be_kept(tab):
    page = tab.show("segment", "scene.png")
    tab.click_picture(*RED)
    tab.answered()
    with page.expect_download() as kept:
        page.get_by_role("button", name="Save picture").click()
    with Image.open(kept.value.path()) as drawn, Image.open("examples/scene.png") as plain:
        assert drawn.convert("RGB").getpixel(RED) != plain.convert("RGB").getpixel(RED)
        assert drawn.convert("RGB").getpixel((790, 590)) == plain.convert("RGB").getpixel((790, 590))
