"""Frames in their order, from wherever they come; only those are opened that somebody looks at."""

import io

import numpy as np
import pytest
from PIL import Image

from pixwise.clip import Clip, in_natural_order
from pixwise.errors import LimitError, OptionError, PictureError, ShapeError, SourceError
from pixwise.picture import Limits, Picture
from pixwise.samples import photo_like

INDICES = [0, 2, 5]


def grey(level, height=12, width=16):
    return np.full((height, width, 3), level, np.uint8)


FRAMES = [grey(40 * i) for i in range(6)]


def saved(kind, frames=FRAMES, **options):
    """The bytes of one file with all frames."""
    images, buffer = [Image.fromarray(frame) for frame in frames], io.BytesIO()
    images[0].save(buffer, kind, save_all=True, append_images=images[1:], **options)
    return buffer.getvalue()


def folder_of(place, names):
    for number, name in enumerate(names):
        Image.fromarray(grey(10 * number)).save(place / name)
    return place


def levels(clip, indices=INDICES):
    return [int(frame.pixels().mean().round()) for frame in clip.frames_at(indices)]


@pytest.mark.parametrize("source", [FRAMES, tuple(FRAMES), np.stack(FRAMES), [Image.fromarray(f) for f in FRAMES]])
def test_a_list_of_pictures_is_a_clip(source):
    clip = Clip.open(source)
    assert (clip.count, clip.size_hw, clip.sha256) == (6, (12, 16), "")
    assert levels(clip) == [0, 80, 200]


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_one_file_may_hold_all_frames(kind, options):
    clip = Clip.open(saved(kind, **options))
    assert (clip.count, clip.size_hw, len(clip.sha256)) == (6, (12, 16), 64)
    np.testing.assert_allclose(levels(clip), [0, 80, 200], atol=1)


def test_frames_of_a_gif_are_those_that_a_viewer_shows():
    frames = [photo_like(40, 60, 1).copy() for _ in range(5)]
    for t, frame in enumerate(frames):
        frame[10:20, 5 * t : 5 * t + 10] = (255, 0, 0)  # the file holds only what changes
    data = saved("GIF", frames)
    shown = Image.open(io.BytesIO(data))
    for index, frame in zip([1, 3, 4], Clip.open(data).frames_at([1, 3, 4]), strict=True):
        shown.seek(index)
        np.testing.assert_array_equal(frame.pixels(), np.asarray(shown.convert("RGB")))


def test_a_folder_is_a_clip_in_the_order_of_its_numbers(tmp_path):
    folder_of(tmp_path, ["f10.png", "f9.png", "f1.png", ".f2.png", "f3.pixwise.png"])
    clip = Clip.open(tmp_path)
    assert (clip.count, clip.source) == (3, str(tmp_path))
    assert levels(clip, [0, 1, 2]) == [20, 10, 0]


def test_names_are_ordered_by_the_numbers_in_them():
    names = ["f10.png", "f2.png", "f02b.png", "a7", "10", "9", "f²"]
    assert in_natural_order(names) == ["9", "10", "a7", "f2.png", "f02b.png", "f10.png", "f²"]


def test_a_still_picture_is_a_clip_of_one_frame():
    clip = Clip.open(grey(7))
    assert (clip.count, levels(clip, [0])) == (1, [7])


def test_a_list_of_one_animation_is_that_animation():
    assert Clip.open([saved("GIF")]).count == 6


def test_a_clip_and_its_pictures_come_back_as_they_are():
    clip, picture = Clip.open(FRAMES), Picture.open(FRAMES[0])
    assert Clip.open(clip) is clip
    assert Clip.open([picture, FRAMES[1]]).first is picture


def test_only_the_frames_that_are_asked_for_are_opened():
    class Frame(io.BytesIO):
        reads = 0

        def read(self, *args):
            Frame.reads += 1
            return super().read(*args)

    data = saved("PNG", FRAMES[:1])
    clip = Clip.open([Frame(data) for _ in range(10_000)])
    before = Frame.reads
    assert len(list(clip.frames_at([0, 5_000, 9_999]))) == 3
    assert Frame.reads <= 3 * before


def test_frames_may_be_of_different_sizes():
    clip = Clip.open([grey(1), grey(2, 30, 7)])
    assert [frame.size_hw for frame in clip.frames_at([0, 1])] == [(12, 16), (30, 7)]


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ([], OptionError, "clip must have at least one frame, got an empty list; put its pictures into it"),
        ("walk.MP4", SourceError, "walk.MP4: expected frames, got a video file, which is not read yet; write"),
        (["a.mov", "b.mov"], SourceError, "frame 0 of the clip: a.mov: expected frames, got a video file"),
        ([b"no picture", FRAMES[0]], PictureError, "frame 0 of the clip: <bytes>: expected a JPEG"),
        ([saved("GIF"), FRAMES[0]], PictureError, "frame 0 of the clip: must be one picture, got .* with 6 frames"),
        (np.zeros((3, 4, 5, 2), np.uint8), ShapeError, "frame 0 of the clip: "),
        (np.zeros((3, 4, 5, 3), np.float32), ShapeError, "frame 0 of the clip: "),
    ],
)  # fmt: skip
def test_what_is_no_clip_is_refused_in_words(source, kind, words):
    with pytest.raises(kind, match=words):
        Clip.open(source)


def test_an_empty_folder_and_too_many_frames_are_refused(tmp_path):
    with pytest.raises(SourceError, match="expected a folder with the frames of a clip, got no picture in it"):
        Clip.open(tmp_path)
    with pytest.raises(LimitError, match=r"frames must be at most 5, got 6; .*--max-frames 6"):
        Clip.open(FRAMES, limits=Limits(max_frames=5))


def test_a_broken_frame_among_good_ones_is_named():
    clip = Clip.open([FRAMES[0], b"no picture", FRAMES[2]])
    assert levels(clip, [0, 2]) == [0, 80]
    with pytest.raises(PictureError, match="frame 1 of the clip: <bytes>: expected a JPEG"):
        levels(clip, [0, 1, 2])


def test_a_page_of_another_size_and_a_cut_off_animation_are_told():
    pages = saved("TIFF", [grey(0), grey(1, 13, 16)])
    with pytest.raises(PictureError, match="frame 1: size must be 16 x 12 like the first, got 16 x 13; save its pages"):
        levels(Clip.open(pages), [0, 1])
    noise = [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(4)]
    whole = saved("GIF", noise)
    with pytest.raises(PictureError, match=r"frame [123]: expected a whole GIF picture, got a damaged"):
        levels(Clip.open(whole[: len(whole) // 2]), [0, 1, 2, 3])
