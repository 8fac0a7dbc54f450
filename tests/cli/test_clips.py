"""INPUT… of `pixwise action`: what is one clip, and what are several."""

import json

import numpy as np
import pytest
from PIL import Image

from pixwise.cli.clips import expand_clips
from pixwise.errors import SourceError
from pixwise.picture import Limits


def picture(path, level=0):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((20, 30, 3), level, np.uint8)).save(path)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """frames/ with three pictures, walk.gif, three pictures of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("frames/f10.png", "frames/f2.png", "frames/f1.png", "a10.png", "a2.png", "b.webp"):
        picture(tmp_path / name)
    images = [Image.fromarray(np.full((20, 30, 3), 60 * i, np.uint8)) for i in range(4)]
    images[0].save("walk.gif", save_all=True, append_images=images[1:])
    return tmp_path


def clips_of(*arguments):
    return [found.frames or found.source for found in expand_clips(arguments, Limits())]


def test_a_folder_and_an_animation_are_clips_of_their_own(place):
    assert clips_of("frames", "walk.gif") == ["frames", "walk.gif"]
    assert [found.name for found in expand_clips(["frames/", "walk.gif"], Limits())] == ["frames", "walk.gif"]


def test_single_pictures_together_are_one_clip_in_natural_order(place):
    assert clips_of("a10.png", "a2.png", "b.webp") == [("a2.png", "a10.png", "b.webp")]
    assert clips_of("a10.png") == ["a10.png"]


def test_the_clip_of_single_pictures_stands_where_the_first_of_them_stood(place):
    assert clips_of("walk.gif", "a10.png", "frames", "a2.png") == ["walk.gif", ("a2.png", "a10.png"), "frames"]


def test_a_glob_is_what_its_matches_are(place):
    assert clips_of("a*.png") == [("a2.png", "a10.png")]
    assert clips_of("frames/*.png") == [("frames/f1.png", "frames/f2.png", "frames/f10.png")]
    assert clips_of("fram*") == ["frames"]


def test_what_is_not_there_is_told_in_its_place(place):
    found = expand_clips(["nothing.png", "walk.gif", "none*.png"], Limits())
    assert [isinstance(each.error, SourceError) for each in found] == [True, False, True]
    assert all(each.is_clip for each in found)


def test_the_verb_answers_each_clip(place, cli):
    done = cli("action", "frames", "walk.gif", "--jsonl")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [each["clip"]["count"] for each in told] == [3, 4]
    assert [each["image"]["source"] for each in told] == ["frames", "walk.gif"]


def test_one_clip_of_many_pictures_is_one_document(place, cli):
    told = json.loads(cli("action", "a10.png", "a2.png", "--json").out)
    assert (told["image"]["source"], told["clip"]["count"]) == ("a2.png and 1 more", 2)


def test_the_drawn_picture_is_named_after_the_clip(place, cli):
    assert "drawn: frames.pixwise.png" in cli("action", "frames", "--draw").out
    with Image.open("frames.pixwise.png") as drawn:
        assert drawn.width == 30


def test_a_frame_is_not_overwritten(place, cli):
    done = cli("action", "a2.png", "a10.png", "-o", "a10.png")
    assert (done.code, "must not overwrite an input" in done.err) == (2, True)


def test_the_table_tells_which_frames_were_seen(place, cli):
    assert "frames  0 0 0 0 1 1 1 1 2 2 2 2 3 3 3 3" in cli("action", "walk.gif").out


def test_the_help_says_what_a_clip_is(cli):
    said = " ".join(cli("action", "--help").out.split())
    assert "A clip: its pictures are the frames, frame2 before frame10." in said
    assert "single pictures together are one" in said
