"""INPUT… of a verb about clips: a folder or an animation is a clip of its own, single pictures are the frames of one.

frames/ walk.gif a1.png a2.png a10.png  ──▶  [clip of frames/, clip of walk.gif, clip of the three pictures]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from pixwise.cli.inputs import Input, expand, spelt_out
from pixwise.clip import in_natural_order
from pixwise.errors import PixwiseError
from pixwise.picture import Limits, Picture

__all__ = ["CLIP_ROWS", "expand_clips"]

CLIP_ROWS = [
    ("FOLDER", "A clip: its pictures are the frames, frame2 before frame10."),
    ("FILE", "An animation (GIF, WebP, PNG, pages of a TIFF) is a clip; single pictures together are one."),
    ("'GLOB'", "In quotes, as if its matches were written out: 'clips/*' is a clip per folder."),
    ("URL", "With --allow-urls."),
]
_MAY_MOVE = (".gif", ".apng", ".webp", ".tif", ".tiff")  # looked into; a moving .png is asked about alone


def expand_clips(arguments: Sequence[str], limits: Limits, *, allow_urls: bool = False) -> list[Input]:
    """Find the clips that the arguments mean; an argument that means none gives one `Input` with its error.

    Args:
        arguments: as written.
        limits: of the files that are looked into.
        allow_urls: an address is a clip.
    """
    clips: list[Input] = []
    stills: list[Input] = []
    place = 0  # of the clip of single pictures
    asked = spelt_out(arguments)
    for argument in asked:
        found = _folder(argument) if os.path.isdir(argument) else expand([argument], allow_urls=allow_urls)[0]
        if found.error or len(asked) == 1 or not os.path.isfile(found.source) or _moves(found.source, limits):
            clips.append(replace(found, is_clip=True))
            continue
        place = place if stills else len(clips)
        stills.append(found)
    if stills:
        clips.insert(place, _together(stills))
    return clips


def _folder(folder: str) -> Input:
    return Input(folder, PurePath(os.path.abspath(folder)).name or "clip")


def _moves(path: str, limits: Limits) -> bool:
    """Whether a file holds several frames; one that cannot be read is told when it is opened."""
    if PurePath(path).suffix.lower() not in _MAY_MOVE:
        return False
    try:
        return Picture.open(path, limits=limits).frames > 1
    except PixwiseError:
        return False


def _together(stills: Sequence[Input]) -> Input:
    by_path = {still.source: still for still in stills}
    frames = tuple(in_natural_order(list(by_path)))
    first = by_path[frames[0]]
    return Input(first.source, first.name, is_clip=True, frames=frames)
