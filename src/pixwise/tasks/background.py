"""What of a picture is foreground: a matte, and the picture without its background.

    picture → resize → (1, 3, S, S) → model → decode_* → (h, w) shares → back to the picture → Matte

Heads:
    logits    the model's last step is left to us: the sigmoid, once (BiRefNet)
    shares    the graph ends in its own sigmoid (U²-Net, IS-Net, MODNet)
    grabcut   the built-in: what stands out from the border of the picture (`engines/cutout.py`)

Nothing is stretched by the picture's own darkest and brightest value: where there is no subject, the matte is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.answers.alpha import Alpha
from pixwise.errors import CardError, ShapeError
from pixwise.picture import Picture
from pixwise.pixels import Fit
from pixwise.results import Matte
from pixwise.scores import sigmoid
from pixwise.task import Task, check_range

__all__ = ["BackgroundRemover"]

Raw = Mapping[str, np.ndarray]
_SLACK = 0.01  # what 16-bit models leave [0, 1] by
_STAIRS = ("nearest", "box")  # filters that shrink well and enlarge to stairs


def decode_logits(output: np.ndarray) -> np.ndarray:
    """(h, w) → 0 to 1 by the sigmoid.

    Raises:
        ShapeError: they look like shares: a second sigmoid would make 0.5 of what is surely background.
    """
    if output.dtype == np.uint8 or (output.min() >= 0 and output.max() <= 1):
        raise ShapeError(
            f"output of a head 'logits' must go below 0 or above 1, got {output.min():.4g} to {output.max():.4g}; "
            'its card may need head = "shares"'
        )
    return sigmoid(output)


def decode_shares(output: np.ndarray) -> np.ndarray:
    """(h, w) as they are; bytes are parts of 255.

    Raises:
        ShapeError: they are no shares: the card says so of a model that gives logits.
    """
    if output.dtype == np.uint8:
        return output / np.float32(255)
    if output.min() < -_SLACK or output.max() > 1 + _SLACK:
        raise ShapeError(
            f"output of a head 'shares' must be 0 to 1, got {output.min():.4g} to {output.max():.4g}; "
            'its card may need head = "logits"'
        )
    return output


@dataclass(frozen=True, kw_only=True)
class BackgroundRemover(Task):
    """Tell the subject of a picture from its background.

    Attributes:
        only_largest: of several things keep the largest.
        feather: width of a softer edge, pixels of the picture; 0 leaves the edge as it was found.
    """

    name: ClassVar[str] = "background"
    result_type: ClassVar[type] = Matte
    heads: ClassVar[Mapping[str, Any]] = {"logits": decode_logits, "shares": decode_shares, "grabcut": decode_shares}
    card_options: ClassVar[Mapping[str, str]] = {"output": "str"}  # which output is the matte; the first, left out

    only_largest: bool = False
    feather: float = 0.0

    def check_options(self) -> None:
        check_range("feather", self.feather, 0, 1000)
        if any(self.card.recipe.crop_hw):
            raise CardError(
                f"card {self.card.id!r}: input.crop_hw must be left out, got {self.card.recipe.crop_hw}; "
                "what is cropped away would have no matte"
            )

    def postprocess(self, raw: Raw, fit: Fit) -> Matte:
        shares = self.heads[self.card.head](self._map(raw))  # (h, w) of the tensor
        back = "bilinear" if self.card.recipe.resample in _STAIRS else self.card.recipe.resample
        alpha = Alpha.from_shares(fit.content_of(shares), fit.picture_hw, back)
        alpha = alpha.only_largest() if self.only_largest else alpha
        return Matte.of(alpha.feathered(self.feather))

    def _map(self, raw: Raw) -> np.ndarray:
        """(h, w) float32 or uint8 of the output that the card names, else of the first."""
        name = self.card.options.get("output", next(iter(raw)))
        if name not in raw:
            raise CardError(f"model {self.card.id!r} must have the output {name!r}, got {', '.join(raw)}; mend options")
        output = raw[name]
        if output.ndim < 3 or np.prod(output.shape) != np.prod(output.shape[-2:]) or 0 in output.shape:
            raise ShapeError(
                f"output {name!r} of model {self.card.id!r} must be one map (1, 1, h, w), got shape {output.shape}; "
                "name the right one in its card: options.output"
            )
        one = output.reshape(output.shape[-2:])
        if one.dtype.kind == "f" and not np.isfinite(one).all():
            raise ShapeError(f"output {name!r} of model {self.card.id!r} must be finite, got NaN or infinity")
        return one if one.dtype == np.uint8 else one.astype(np.float32)

    def remove(self, picture: Any) -> Image.Image:
        """The subject alone: RGBA of the picture's size; see `Matte.cut`."""
        picture = self._opened(picture)
        return self(picture).cut(picture)

    def mask(self, picture: Any) -> np.ndarray:
        """(H, W) uint8 of the picture's size; see `Matte.mask`."""
        return self(picture).mask()

    def replace(self, picture: Any, with_: Any) -> Image.Image:
        """The subject before a colour, a picture, or `blur`; see `Matte.over`."""
        picture = self._opened(picture)
        return self(picture).over(picture, with_)

    def _opened(self, source: Any) -> Picture:
        return Picture.open(source, limits=self.limits, allow_urls=self.allow_urls, background=self.background)
