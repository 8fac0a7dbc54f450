"""An animation on the page: what happens in it, and which frames were looked at."""

from PIL import Image


def test_an_animation_is_asked_as_a_clip(tab, tmp_path):
    frames = [Image.new("RGB", (160, 120), "white") for _ in range(12)]
    for t, frame in enumerate(frames):
        frame.paste((200, 30, 30), (10 + 8 * t, 40, 50 + 8 * t, 80))
    frames[0].save(tmp_path / "walk.gif", save_all=True, append_images=frames[1:])
    page = tab.ask("action", tmp_path / "walk.gif")
    assert "something moves" in tab.rows()[0]
    assert "0 0 1 2 3 3 4 5 6 6 7 8 9 9 10 11" in page.locator("#answers").inner_text()
