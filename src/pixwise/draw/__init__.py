"""Results drawn into their pictures: `draw(picture, result)`, open to others' results by `draw_into.register`.

@draw_into.register
def _(result: MyResult, canvas: Canvas) -> None:
    for row in result:
        canvas.box(row.box, colour_of(row.label))
        canvas.label(row.label, row.box, colour_of(row.label))
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from PIL import Image

from pixwise.draw.canvas import Canvas, LegendRow
from pixwise.draw.maps import paint_map
from pixwise.draw.palette import PALETTE, WHITE, colour_of, colours_of
from pixwise.draw.scale import draw_scale
from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.results import (
    Actions,
    Caption,
    Classes,
    ClassMap,
    Codes,
    DepthMap,
    Detections,
    Embedding,
    Faces,
    Identities,
    Instances,
    LabelScores,
    Masks,
    Matte,
    Membership,
    Moderation,
    Panoptic,
    Pictures,
    Poses,
    Quality,
    Rendering,
    Result,
    TextLines,
    Verification,
)

__all__ = ["Canvas", "LegendRow", "colour_of", "draw", "draw_into"]

_INK = PALETTE[32]  # dark enough for white letters: on paper its white halo is not seen, on dark ground it is
_MOST_LABELS = 8  # of a user's own, who may have asked for thousands
_SIDES = {"left": PALETTE[1], "right": PALETTE[7], "": WHITE}  # the subject's own: orange left, blue right
_LANDMARKS = (PALETTE[0], PALETTE[4], PALETTE[14], PALETTE[8], PALETTE[10])  # right eye, left eye, nose, mouth corners


def draw(picture: Any, *results: Any) -> Image.Image:
    """Draw one answer, or several, into their picture.

    Args:
        picture: the picture that was asked about; anything `Picture.open` takes.
        *results: the answers; labels of all of them make room for one another.

    Returns:
        Pillow RGB image of the picture's size, with a strip below it for what is said of the whole picture; an empty
        answer leaves the picture as it is.

    Raises:
        OptionError: nothing is registered for this type of result.
        ShapeError: the picture is of another size than the one that was asked about.
    """
    picture = Picture.open(picture)
    for result in results:
        if isinstance(result, Result):
            result.check_picture(picture.size_hw)
    canvas = Canvas(picture.image().copy())
    for result in results:
        draw_into(result, canvas)
    return canvas.finish()


@singledispatch
def draw_into(result: Any, canvas: Canvas) -> None:
    """Draw onto `canvas`; register a function for your own result type."""
    raise OptionError(
        f"result must be one that can be drawn, got {type(result).__name__}; register it with draw_into.register"
    )


@draw_into.register
def _(result: Detections, canvas: Canvas) -> None:
    for row in reversed(list(result)):  # the best on top
        canvas.box(row.box, colour_of(row.label))
    for row in result:  # the best chooses its place first
        canvas.label(f"{row.label} {row.score:.2f}", row.box, colour_of(row.label))


@draw_into.register
def _(result: Faces, canvas: Canvas) -> None:
    _faces(result, [(f"face {row.score:.2f}", colour_of("face")) for row in result], canvas)


@draw_into.register
def _(result: Identities, canvas: Canvas) -> None:
    told = [(f"{row.name} {row.similarity:.2f}" if row.name else f"face {row.score:.2f}") for row in result]
    colours = [colour_of(name or "face") for name in result.names]
    _faces(result, list(zip(told, colours, strict=True)), canvas)


def _faces(result: Faces, told: list[tuple[str, Any]], canvas: Canvas) -> None:
    """Boxes, landmarks, and what is said of each face in its colour."""
    for row, (_, colour) in reversed(list(zip(result, told, strict=True))):
        canvas.box(row.box, colour)
        for point, shade in zip(row.landmarks, _LANDMARKS, strict=True):
            canvas.dot(point, shade, most_px=(row.box[2] - row.box[0]) / 14)
    for row, (text, colour) in zip(result, told, strict=True):
        canvas.label(text, row.box, colour)


@draw_into.register
def _(result: Verification, canvas: Canvas) -> None:
    if not len(result):
        return  # of vectors that came without a picture
    said = "same person" if result.same else "different people"
    for row in result.select(result.pictures == 1):  # the picture is the first one
        canvas.box(row.box, colour_of(said))
        canvas.label(said, row.box, colour_of(said))
    canvas.legend([LegendRow(f"{said}: {result.similarity:.2f}"), LegendRow(f"threshold {result.threshold:.2f}")])


@draw_into.register
def _(result: TextLines, canvas: Canvas) -> None:
    for row in result:
        canvas.polygon(row.quad, _INK, thin=True)
    for row in sorted(result, key=lambda row: -row.score):  # the surest chooses first
        canvas.caption(row.text, row.quad, _INK)


@draw_into.register
def _(result: Masks, canvas: Canvas) -> None:
    rows = sorted(result, key=lambda row: -row.area)  # a small one lies on a large one
    places = [PALETTE[5 * row.object % len(PALETTE)] for row in result]
    colours = {id(row.mask): colour for row, colour in zip(result, places, strict=True)}
    for row in rows:
        canvas.mask(row.mask, colours[id(row.mask)])
    for row in result:
        canvas.label(f"{row.object + 1}: {row.score:.2f}", row.box, colours[id(row.mask)])


@draw_into.register
def _(result: Poses, canvas: Canvas) -> None:
    skeleton = result.skeleton
    for row, limbs in reversed(list(zip(result, result.limbs(), strict=True))):  # the best on top
        slim = max(1.0, np.ptp(row.box.reshape(2, 2), axis=0).max() / 90)  # px: those of small people are thin
        for edge, ends in zip(skeleton.edges, limbs, strict=True):
            if np.isfinite(ends).all():
                canvas.polygon(ends, _SIDES[skeleton.side_of_edge(edge)], most_px=slim)
        for index, point in enumerate(row.keypoints):
            canvas.dot(point, _SIDES[skeleton.side(index)], most_px=slim * (1.2 if len(skeleton.names) < 40 else 0.6))


@draw_into.register
def _(result: Codes, canvas: Canvas) -> None:
    for row in result:
        canvas.polygon(row.quad, colour_of(row.kind))
        canvas.label(f"{row.kind} {row.text}", row.box, colour_of(row.kind), beside=True)


@draw_into.register
def _(result: Classes | Actions, canvas: Canvas) -> None:
    canvas.legend([LegendRow(f"{row.label} {row.score:.2f}", colour_of(row.label)) for row in result])


@draw_into.register
def _(result: LabelScores, canvas: Canvas) -> None:
    rows = [LegendRow(f"{row.label} {row.score:.2f}", colour_of(row.label)) for row in result[:_MOST_LABELS]]
    unsure = len(result) and result.decided not in result.labels
    canvas.legend([LegendRow(result.decided, colour_of(result.decided))] * bool(unsure) + rows)


@draw_into.register
def _(result: Moderation, canvas: Canvas) -> None:
    if not result.action:
        return
    head = f"{result.action}: {result.because}" if result.because else f"{result.action}: no rule fired"
    colours = [colour_of(row.rule) if row.fired else None for row in result]  # those that fired are marked
    told = [f"{row.rule} {row.score:.2f}, from {row.threshold:.2f}" for row in result]
    canvas.legend([LegendRow(head), *map(LegendRow, told, colours)])


@draw_into.register
def _(result: Quality, canvas: Canvas) -> None:
    if not len(result):
        return
    strip = tuple((tuple(map(int, row.rgb)), float(row.share)) for row in result)
    facts = (
        f"sharpness {result.sharpness:.0f}",
        f"exposure {result.exposure:.2f}",
        f"contrast {result.contrast:.2f}",
        f"noise {result.noise:.1f}",
    )
    canvas.legend([*map(LegendRow, facts), LegendRow(strip=strip)])


@draw_into.register
def _(result: Embedding, canvas: Canvas) -> None:
    if result.dimension:
        canvas.legend([LegendRow(text) for text in (result.model.id, f"{result.dimension} numbers") if text])


@draw_into.register
def _(result: Pictures, canvas: Canvas) -> None:
    if len(result):  # they were made of noise, and have no picture to be drawn into: `grid` shows them
        canvas.legend([LegendRow(f"{len(result)} pictures made, {result.scheduler} in {result.steps} steps")])


@draw_into.register
def _(result: Caption, canvas: Canvas) -> None:
    canvas.sentence(result.text)


@draw_into.register
def _(result: Membership, canvas: Canvas) -> None:
    if not result.collection:
        return
    text = f"{'in' if result.is_in_collection else 'not in'} {result.collection} {result.probability:.2f}"
    x1, y1, x2, y2 = result.box
    if (x1, y1, x2, y2) == (0, 0, result.image.width, result.image.height) or x1 == x2:
        canvas.legend([LegendRow(text, colour_of(result.collection))])
    else:
        canvas.box(result.box, colour_of(result.collection))
        canvas.label(text, result.box, colour_of(result.collection))


@draw_into.register
def _(result: Matte, canvas: Canvas) -> None:
    if not result.coverage:
        return
    height, width = canvas.size_hw
    square = max(4, canvas.letter_px // 2)  # the usual sign for "nothing here"
    odd = (np.arange(height)[:, None] // square + np.arange(width) // square) % 2
    board = Image.fromarray(np.where(odd, 204, 255).astype(np.uint8)).convert("RGB")
    canvas.image.paste(Image.composite(canvas.image, board, Image.fromarray(result.mask())))


@draw_into.register
def _(result: Rendering, canvas: Canvas) -> None:
    if result.raster.pixels.size:  # at the picture's size, so that other answers can be drawn onto it
        made = result.raster.image().resize(canvas.size_hw[::-1], Image.Resampling.LANCZOS)
        canvas.image.paste(made)


@draw_into.register
def _(result: DepthMap, canvas: Canvas) -> None:
    if not result.depths.held.size:
        return
    canvas.image.paste(result.coloured())
    draw_scale(canvas, *result.legend())


@draw_into.register
def _(result: ClassMap, canvas: Canvas) -> None:
    if not len(result):
        return
    colours = colours_of(result.labels)
    paint_map(canvas, result.ids(), dict(zip(result.label_ids.tolist(), colours, strict=True)))
    rows = zip(result[:_MOST_LABELS], colours, strict=False)
    canvas.legend([LegendRow(f"{row.label} {_percent(row.share)}", colour) for row, colour in rows])


@draw_into.register
def _(result: Instances, canvas: Canvas) -> None:
    things = [PALETTE[5 * place % len(PALETTE)] for place in range(len(result))]  # two of a class differ
    rows = list(zip(result, things, strict=True))
    for row, colour in sorted(rows, key=lambda each: -each[0].area):  # a small one lies on a large one
        canvas.mask(row.mask, colour)
        canvas.box(row.box, colour)
    for row, colour in rows:
        canvas.label(f"{row.label} {row.score:.2f}", row.box, colour)


@draw_into.register
def _(result: Panoptic, canvas: Canvas) -> None:
    """Things have their label where they are, stuff has its in the legend."""
    if not len(result):
        return
    kinds = tuple(dict.fromkeys(result.labels))
    shades = dict(zip(kinds, colours_of(kinds), strict=True))
    colours = [PALETTE[5 * row.id % len(PALETTE)] if row.thing else shades[row.label] for row in result]
    paint_map(canvas, result.id_map(), dict(zip(result.ids.tolist(), colours, strict=True)))
    rows = list(zip(result, colours, strict=True))
    for row, colour in rows:
        if row.thing:
            canvas.label(f"{row.label} {row.score:.2f}", row.box, colour)
    stuff = [(row, colour) for row, colour in rows if not row.thing][:_MOST_LABELS]
    pixels = canvas.size_hw[0] * canvas.size_hw[1]
    if stuff:
        canvas.legend([LegendRow(f"{row.label} {_percent(row.area / pixels)}", colour) for row, colour in stuff])


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "< 1%"
