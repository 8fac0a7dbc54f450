"""The page in a real browser: pictures come in, answers are drawn, every part follows the others."""

import json

import pytest
from PIL import Image

FACE = (190, 170)  # in scene.png
WITH_FILE = """async () => { const blob = await (await fetch('examples/scene.png')).blob(), files = new DataTransfer();
  files.items.add(new File([blob], 'given.png', { type: 'image/png' })); document.body.dispatchEvent("""


def ink(page, x, y):
    """The colour of what is drawn over a point of the picture: red, green, blue, alpha."""
    code = """([x, y]) => { const c = document.getElementById('ink'), g = document.getElementById('ground');
      const k = c.width / g.naturalWidth, one = new OffscreenCanvas(1, 1);
      const pen = one.getContext('2d', { willReadFrequently: true });
      pen.drawImage(c, -Math.round(x * k), -Math.round(y * k));
      return [...pen.getImageData(0, 0, 1, 1).data] }"""
    return page.evaluate(code, [x, y])


def test_the_page_shows_every_task_of_the_service(tab):
    page = tab.open()
    shown = page.locator(".task .name").all_inner_texts()
    assert shown[0] == "analyze"
    assert {"detect", "faces", "ocr", "codes", "quality", "zeroshot", "find", "caption"} <= set(shown)


def test_a_chosen_picture_is_answered_at_once(tab):
    page = tab.ask("faces", "scene.png")
    assert page.locator(".count").inner_text() == "1 face"
    assert len(tab.rows()) == 1
    assert page.locator(".by").inner_text().startswith("haar")


def test_the_answer_is_drawn_where_it_is(tab):
    page = tab.ask("faces", "scene.png")
    box = page.evaluate("() => document.querySelector('td.box').textContent.split(' ').map(Number)")
    middle = (box[0] + box[2]) / 2
    assert ink(page, middle, box[1])[3] > 200
    assert ink(page, middle, (box[1] + box[3]) / 2)[3] == 0


def test_the_drawing_follows_the_size_of_the_window(tab):
    page = tab.ask("faces", "scene.png")
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_timeout(300)
    sides = "(c => [c.width, c.clientWidth])(document.getElementById('ink'))"
    drawn, shown = page.evaluate(sides)
    assert drawn == shown < 700


def test_a_picture_that_the_browser_cannot_show_is_drawn_by_the_service(tab, tmp_path):
    with Image.open("examples/receipt.png") as picture:
        picture.convert("RGB").save(tmp_path / "scan.tiff")
    page = tab.ask("codes", tmp_path / "scan.tiff")
    assert len(tab.rows()) == 2
    page.wait_for_timeout(1500)
    assert page.evaluate("document.getElementById('ground').naturalWidth") == 640


def test_a_click_on_a_region_chooses_its_row_and_back(tab):
    page = tab.ask("faces", "scene.png")
    tab.click_picture(*FACE)
    assert page.locator("tr[aria-selected=true]").count() == 1
    assert ink(page, *FACE)[3] > 0  # the chosen one is filled
    page.locator("tbody tr").click()
    assert page.locator("tr[aria-selected=true]").count() == 0
    page.locator("#question-title").hover()
    assert ink(page, *FACE)[3] == 0


def test_pointing_at_a_region_marks_its_row(tab):
    page = tab.ask("codes", "receipt.png")
    tab.page.locator("#ink").hover(position={"x": 5, "y": 5})
    assert page.locator("tr.pointed").count() == 0
    page.locator("tbody tr").nth(1).hover()
    assert page.locator("tr.pointed").count() == 1


def test_a_dropped_picture_is_taken(tab):
    page = tab.open("quality")
    page.evaluate(WITH_FILE + "new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })) }")
    tab.answered()
    assert page.locator("#picture-name").inner_text() == "given.png"
    assert "sharpness" in page.locator(".values").inner_text()


def test_a_pasted_picture_is_taken(tab):
    page = tab.open("quality")
    page.evaluate(WITH_FILE + "new ClipboardEvent('paste', { clipboardData: files, bubbles: true })) }")
    tab.answered()
    assert page.locator("#picture-name").inner_text() == "given.png"


def test_an_example_is_one_click_away(tab):
    page = tab.open("codes")
    page.get_by_role("button", name="A receipt with codes").click()
    tab.answered()
    assert any("example.org" in row for row in tab.rows())


def test_the_camera_takes_a_picture(tab):
    page = tab.open("quality")
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take the picture").click()
    tab.answered()
    assert page.locator("#picture-name").inner_text() == "camera.jpg"


def test_analyze_asks_several_questions_and_tells_each_answer(tab):
    tab.expected = 503  # nothing but built-ins is here
    page = tab.ask("analyze", "scene.png")
    told = page.locator("#answers .card h3").all_inner_texts()
    assert {"detect", "faces", "ocr", "quality", "caption"} <= set(told)
    answered = page.locator("#answers .answer h3").all_inner_texts()
    assert answered == sorted(answered, key=page.locator(".task .name").all_inner_texts().index)
    assert told[: len(answered)] == answered  # what could not be answered comes last


def test_a_missing_model_is_told_with_the_command_that_fetches_it(tab):
    tab.expected = 503
    page = tab.ask("caption", "scene.png")
    assert page.locator(".trouble code").inner_text().startswith("pixwise models pull ")
    assert page.get_by_role("button", name="Copy command").is_visible()


def test_a_file_that_is_no_picture_is_told_in_words(tab, tmp_path):
    tab.expected = 415
    (tmp_path / "notes.txt").write_text("no picture")
    page = tab.ask("ocr", tmp_path / "notes.txt")
    assert "picture" in page.locator(".trouble").inner_text()


def test_the_least_score_filters_without_asking_again(tab):
    page = tab.ask("ocr", "page.png")
    asked, before = len(tab.asked), len(tab.rows())
    page.locator("#least-number").fill("0.999")
    page.locator("#least-number").blur()
    page.wait_for_timeout(400)
    assert 0 < len(tab.rows()) < before
    assert "hidden" in page.locator(".count").inner_text()
    assert len(tab.asked) == asked


def test_a_lower_least_score_than_was_answered_asks_again(tab, last):
    page = tab.ask("ocr", "scene.png")
    with page.expect_response("**/v1/ocr"):
        page.locator("#least-number").fill("0.1")
        page.locator("#least-number").blur()
    assert last() == {"min_score": 0.1}


def test_an_option_that_changes_asks_again_with_it(tab, last):
    page = tab.ask("detect", "scene.png")
    page.locator("#options summary").click()
    with page.expect_response("**/v1/detect"):
        page.get_by_label("Top", exact=True).fill("3")
        page.get_by_label("Top", exact=True).blur()
    assert last() == {"top": 3}


def test_words_of_ones_own_become_chips_and_are_asked(tab, last):
    tab.expected = 503
    page = tab.open("find")
    page.set_input_files("#file", "examples/scene.png")
    assert "Say what to look for" in page.locator("#hint").inner_text()
    with page.expect_response("**/v1/find"):
        page.locator("#option-labels").press_sequentially("a red card, a cup,")
    assert page.locator(".chip").all_inner_texts() == ["a red card", "a cup"]
    assert last() == {"labels": ("a red card", "a cup")}


def test_what_is_read_can_be_copied(tab_with):
    tab = tab_with(permissions=["clipboard-read", "clipboard-write"])
    page = tab.ask("ocr", "page.png")
    page.get_by_role("button", name="Copy text").click()
    page.wait_for_selector("text=Copied")
    assert "Notes on the Shore" in page.evaluate("navigator.clipboard.readText()")


def test_the_answer_can_be_kept_as_json(tab):
    page = tab.ask("codes", "receipt.png")
    with page.expect_download() as kept:
        page.get_by_role("button", name="Save JSON").click()
    assert kept.value.suggested_filename == "receipt.codes.json"
    assert len(json.loads(kept.value.path().read_text())["codes"]) == 2


def test_the_drawn_picture_can_be_kept_at_its_own_size(tab):
    page = tab.ask("codes", "receipt.png")
    with page.expect_download() as kept:
        page.get_by_role("button", name="Save picture").click()
    with Image.open(kept.value.path()) as drawn, Image.open("examples/receipt.png") as plain:
        assert drawn.size == plain.size
        assert drawn.convert("RGB").tobytes() != plain.convert("RGB").tobytes()


def test_another_task_asks_about_the_same_picture(tab):
    page = tab.ask("codes", "receipt.png")
    page.get_by_role("radio", name="quality").check()
    tab.answered()
    assert page.locator(".answer h3").inner_text() == "quality"
    assert page.evaluate("location.hash") == "#quality"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_until_somebody_chooses(tab_with, scheme):
    tab = tab_with(color_scheme=scheme)
    page = tab.open()
    ground = "getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(ground)
    assert (first == "rgb(18, 21, 25)") is (scheme == "dark")
    page.locator("#theme").click()
    assert page.evaluate(ground) == "rgb(18, 21, 25)"
    page.reload()
    assert page.evaluate(ground) == "rgb(18, 21, 25)"


def test_a_service_that_went_away_is_told_in_words(tab):
    page = tab.open("quality")
    page.route("**/v1/quality", lambda route: route.abort())
    page.set_input_files("#file", "examples/scene.png")
    tab.answered()
    assert "does not answer" in page.locator(".trouble").inner_text()
    page.unroute("**/v1/quality")
    tab.complaints.clear()  # the browser says of the broken connection what it must
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".answer")
