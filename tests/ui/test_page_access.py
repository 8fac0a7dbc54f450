"""For everybody: by keyboard alone, by ear, on a phone, in both colours, without motion, with a key."""

import pytest

WORKED = {"button", "textbox", "slider", "spinbutton", "checkbox", "radio", "combobox", "link", "ColorWell"}
CONTRAST = """() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(c[i] / 255), 0);
  const ground = (e) => { const c = parts(getComputedStyle(e).backgroundColor);
    return c.length === 3 || c[3] === 1 ? c : e.parentElement ? ground(e.parentElement) : [255, 255, 255] };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility() || e.closest('.unseen, noscript, :disabled')) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(node.data.trim() + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2));
  }
  return low;
}"""


@pytest.fixture
def phone(tab_with):
    return tab_with(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)


@pytest.mark.parametrize("task", ["analyze", "codes", "zeroshot", "segment", "background", "caption"])
def test_a_phone_never_scrolls_sideways(phone, task):
    phone.expected = 503
    page = phone.open(task)
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(wide) <= 0
    page.set_input_files("#file", "examples/receipt.png")
    page.wait_for_selector("#answers .card, #hint:visible")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.evaluate(wide) <= 0


@pytest.mark.parametrize("width", [361, 761, 820, 1081, 1600])
def test_the_columns_stand_beside_one_another_at_every_width(tab_with, width):
    page = tab_with(viewport={"width": width, "height": 800}).ask("codes", "page.png")
    edges = page.evaluate(
        "() => ['#stage', '#view', '#question'].map((e) => document.querySelector(e).getBoundingClientRect())"
        ".map((box) => [box.left, box.right])"
    )
    stage, view, question = edges
    assert stage[0] <= view[0] < view[1] <= stage[1] <= width
    assert stage[1] <= question[0] or width < 761


def test_what_is_touched_is_large_enough(phone):
    page = phone.ask("codes", "receipt.png")
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('button, .task, .pill, select')].filter((e) => e.checkVisibility())"
        ".map((e) => [e.textContent.trim(), Math.min(e.offsetWidth, e.offsetHeight)])"
    )
    assert [name for name, side in sizes if side < 24] == []


def test_a_tap_chooses_a_region(phone):
    page = phone.ask("faces", "scene.png")
    box = page.locator("#ink").bounding_box()
    page.touchscreen.tap(box["x"] + 0.24 * box["width"], box["y"] + 0.28 * box["height"])
    assert page.locator("tr[aria-selected=true]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("task", ["codes", "quality", "caption", "segment", "analyze"])
def test_every_word_can_be_read(tab_with, scheme, task):
    tab = tab_with(color_scheme=scheme)
    tab.expected = 503
    page = tab.open(task)
    page.set_input_files("#file", "examples/receipt.png")
    page.wait_for_selector("#answers .card, #hint:visible")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("task", ["detect", "codes", "zeroshot", "segment", "background", "analyze"])
def test_everything_that_is_worked_has_a_name(tab, task):
    tab.expected = 503
    page = tab.open(task)
    page.set_input_files("#file", "examples/receipt.png")
    page.wait_for_selector("#answers .card, #hint:visible")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    worked = [node for node in nodes if not node["ignored"] and node["role"]["value"] in WORKED]
    assert len(worked) > 15
    assert [node["role"]["value"] for node in worked if not node.get("name", {}).get("value", "").strip()] == []


def focused(page):
    return page.evaluate("(e => e.id || e.value || e.textContent.trim())(document.activeElement)")


def test_a_question_is_asked_and_read_by_keyboard_alone(tab):
    page = tab.open("codes")
    way = []
    while "A receipt with codes" not in way:
        page.keyboard.press("Tab")
        way.append(focused(page))
        assert len(way) < 20
    assert way[:5] == ["Skip to the picture", "theme", "codes", "Choose a picture", "Use the camera"]
    page.keyboard.press("Enter")
    tab.answered()
    page.locator("#view").focus()
    page.keyboard.press("ArrowRight")
    assert "1 of 2" in page.locator("#live").inner_text()
    page.keyboard.press("End")
    assert page.locator("tr[aria-selected=true]").inner_text() == page.locator("tbody tr").last.inner_text()
    page.keyboard.press("Escape")
    assert page.locator("tr[aria-selected=true]").count() == 0


def test_arrows_lead_through_the_rows_and_enter_chooses(tab):
    page = tab.ask("codes", "receipt.png")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("tbody tr").nth(1).get_attribute("aria-selected") == "true"
    assert page.locator("tr[tabindex='0']").count() == 1


def test_focus_can_be_seen(tab):
    page = tab.open()
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(e => getComputedStyle(e.closest('.task, .pill, .chip-field') ?? e).outlineStyle)(document.activeElement)"
        )
        assert outline == "solid"


def test_answers_are_said_to_those_who_listen(tab):
    page = tab.ask("codes", "receipt.png")
    assert page.locator("#live").inner_text() == "codes: 2 codes"
    assert page.locator("#live").get_attribute("aria-live") == "polite"


def test_motion_stops_where_the_system_asks_for_less(tab_with):
    page = tab_with(reduced_motion="reduce").open()
    page.evaluate("document.documentElement.classList.add('asking')")
    assert page.evaluate("getComputedStyle(document.getElementById('stage'), '::after').animationName") == "none"
