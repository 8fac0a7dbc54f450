"""Captioners: a picture encoder, and a text decoder that remembers what it has read.

    pixels ─▶ encoder ─▶ past_key_values.{i}.encoder.key/value      what the words look at: computed once a picture
    input_ids, those, past_key_values.{i}.decoder.key/value ─▶ decoder ─▶ logits, present.{i}.decoder.key/value

The cache of a decoder has length 0 before the first token. Any decoder of `transformers` that takes an
`EncoderDecoderCache` fits: the wrappers fill one in, run the decoder, and read it out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache

from pixwise.errors import CardError
from pixwise.export.checkpoint import read_json
from pixwise.export.parts import Given, Part, Trial
from pixwise.own.captions import caption_options

__all__ = ["blip_parts", "captioner_options", "encoder_decoder_parts"]

_DECODERS = ("gpt2", "bert")  # of VisionEncoderDecoder; others count their positions in other ways
_READ = 4  # tokens that a trial has read before


class Seeing(nn.Module):
    """Pixels in, tokens of the picture out, as wide as the decoder wants them."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        if hasattr(self.model, "vision_model"):
            return self.model.vision_model(pixel_values=pixel_values).last_hidden_state  # (B, S, D)
        seen = self.model.encoder(pixel_values=pixel_values).last_hidden_state
        return self.model.enc_to_dec_proj(seen) if hasattr(self.model, "enc_to_dec_proj") else seen


class Encoder(nn.Module):
    """Keys and values that every layer of the decoder computes of the picture.

    The decoder reads one token, and what it kept of the picture is taken out; the exporter drops all the rest.
    """

    def __init__(self, model: Any, decoder: Any):
        super().__init__()
        self.seeing, self.decoder = Seeing(model), decoder

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        seen, cache = self.seeing(pixel_values), EncoderDecoderCache(DynamicCache(), DynamicCache())
        token = torch.zeros((1, 1), dtype=torch.int64).expand(pixel_values.shape[0], 1)
        self.decoder(
            input_ids=token,
            attention_mask=causal_mask(token, 0),
            position_ids=torch.zeros((1, 1), dtype=torch.int64),
            encoder_hidden_states=seen,
            past_key_values=cache,
            use_cache=True,
        )
        return tuple(_flat(cache.cross_attention_cache))


class Decoder(nn.Module):
    """Tokens and everything kept in, logits and what is kept of the tokens out."""

    def __init__(self, decoder: Any, layers: int):
        super().__init__()
        self.decoder, self.layers = decoder, layers

    def forward(self, input_ids: Tensor, *kept: Tensor) -> tuple[Tensor, ...]:
        read, seen = kept[: 2 * self.layers], kept[2 * self.layers :]
        past = read[0].shape[2]
        answer = self.decoder(
            input_ids=input_ids,
            attention_mask=causal_mask(input_ids, past),
            position_ids=torch.arange(input_ids.shape[1])[None] + past,
            encoder_hidden_states=seen[0][:, 0],  # (B, S, d) for its shape; its keys and values are known already
            past_key_values=EncoderDecoderCache(_filled(read), _filled(seen)),
            use_cache=True,
        )
        return (answer.logits, *_flat(answer.past_key_values.self_attention_cache))


def causal_mask(input_ids: Tensor, past: int | Tensor) -> Tensor:
    """(1, 1, T, P + T), 0 where a token may look and very low where it may not: at those after it.

    Given in this form, `transformers` takes it as it is: building its own, it would write lengths down as numbers.
    """
    count = input_ids.shape[1]
    own, all_ = torch.arange(count)[:, None] + past, torch.arange(past + count)[None]
    return torch.where(all_ <= own, 0.0, torch.finfo(torch.float32).min)[None, None]


def _filled(kept: Sequence[Tensor]) -> DynamicCache:
    cache = DynamicCache()
    for layer in range(len(kept) // 2):
        cache.update(kept[2 * layer], kept[2 * layer + 1], layer)
    return cache


def _flat(cache: DynamicCache) -> list[Tensor]:
    return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]


def _named(form: str, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """Names of keys and values, layer by layer."""
    names = [form.format(layer, kind) for layer in range(len(tensors) // 2) for kind in ("key", "value")]
    return dict(zip(names, tensors, strict=True))


_SEEN, _READ_BEFORE, _PRESENT = (
    "past_key_values.{}.encoder.{}",
    "past_key_values.{}.decoder.{}",
    "present.{}.decoder.{}",
)


def blip_parts(given: Given) -> list[Part]:
    """BLIP (Li et al. 2022): a ViT, and a BERT that is a decoder."""

    def logits(pixels: Tensor, ids: Tensor) -> Tensor:
        return given.model(pixel_values=pixels, input_ids=ids).logits

    return _parts(given, given.model.text_decoder, logits)


def encoder_decoder_parts(given: Given) -> list[Part]:
    """`VisionEncoderDecoderModel`: any picture encoder, and a decoder that looks at it."""
    kind = given.model.config.decoder.model_type
    if kind not in _DECODERS:
        raise CardError(f"decoder of a captioner must be one of {', '.join(_DECODERS)}, got {kind!r}; choose another")

    def logits(pixels: Tensor, ids: Tensor) -> Tensor:
        return given.model(pixel_values=pixels, decoder_input_ids=ids).logits

    return _parts(given, given.model.decoder, logits)


def _parts(given: Given, decoder: Any, logits: Any) -> list[Part]:
    """Trials ask the whole model for its logits without any cache; the decoder must give the same in two steps."""
    seeing, trials = Seeing(given.model), {"encoder": [], "decoder": []}
    for pixels, read, count in ((given.pixels, _READ, 2), (given.others, 0, 3), (given.pixels[:1], _READ + 3, 1)):
        ids = _tokens(decoder, len(pixels), read + count)
        seen = seeing(pixels)
        before, after = (_own_cache(decoder, ids[:, :n], seen) for n in (read, read + count))
        looked_at = _named(_SEEN, _flat(after.cross_attention_cache))
        trials["encoder"].append(Trial({"pixel_values": pixels}, looked_at))
        known = _named(_READ_BEFORE, _flat(before.self_attention_cache) if read else _nothing(after))
        wanted = _named(_PRESENT, _flat(after.self_attention_cache))
        trials["decoder"].append(
            Trial(
                {"input_ids": ids[:, read:], **known, **looked_at},
                {"logits": logits(pixels, ids)[:, read:], **wanted},
            )
        )
    layers = len(looked_at) // 2
    return [
        Part("encoder", "onnx/encoder_model.onnx", Encoder(given.model, decoder), tuple(trials["encoder"])),
        Part(
            "decoder",
            "onnx/decoder_model.onnx",
            Decoder(decoder, layers),
            tuple(trials["decoder"]),
            {
                "input_ids": {1: "tokens"},
                "logits": {1: "tokens"},
                **{name: {2: "read"} for name in known},
                **{name: {2: "all"} for name in wanted},
            },
        ),
    ]


def _tokens(decoder: Any, rows: int, count: int) -> Tensor:
    """(rows, count) int64, any tokens that differ."""
    words = decoder.config.vocab_size
    return (torch.arange(rows)[:, None] * 7 + torch.arange(count)[None] * 11 + 5) % words


def _own_cache(decoder: Any, ids: Tensor, seen: Tensor) -> EncoderDecoderCache | None:
    """What the decoder itself keeps of some tokens; None of none."""
    if not ids.shape[1]:
        return None
    return decoder(input_ids=ids, encoder_hidden_states=seen, use_cache=True).past_key_values


def _nothing(cache: EncoderDecoderCache) -> list[Tensor]:
    """(B, H, 0, d) per tensor: the state before the first token."""
    return [tensor[:, :, :0] for tensor in _flat(cache.self_attention_cache)]


def captioner_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """Tokens that begin and end a caption, how many fit, and the rules of `generation_config.json`."""
    path = folder / "generation_config.json"
    generation = read_json(path, model.name_or_path) if path.exists() else {}
    return caption_options(model.config.to_dict(), generation, model.name_or_path)
