"""Pictures that are made of the picture, shown over it behind an edge that is moved; asked for once."""


def test_a_larger_picture_lies_over_the_picture_and_was_asked_for_once(tab):
    page = tab.ask("upscale", "pear.jpg")
    assert page.is_visible("#compare")
    assert page.is_hidden("#behind")
    assert page.evaluate("document.getElementById('after').naturalWidth") == 1440
    assert len([address for address in tab.asked if address.endswith("/v1/upscale")]) == 1
    assert tab.complaints == []


def test_its_card_tells_size_and_no_addresses(tab):
    text = tab.ask("restyle", "pear.jpg").inner_text("#answers")
    assert "720" in text
    assert "data:" not in text


def test_a_dragged_box_is_filled_and_shown_over_the_picture(tab, last):
    page = tab.show("inpaint", "scene.png")
    corner = page.locator("#ink").bounding_box()
    page.mouse.move(corner["x"] + 60, corner["y"] + 60)
    page.mouse.down()
    page.mouse.move(corner["x"] + 120, corner["y"] + 100, steps=5)
    page.mouse.up()
    tab.answered()
    assert page.is_visible("#compare")
    assert "box" in last()
