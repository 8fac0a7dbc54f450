"""A card for a captioner of one's own: from `config.json`, `generation_config.json` and the names of its files.

Folders are read as the hub's exports have them: `onnx/encoder_model.onnx`, `onnx/decoder_model_merged.onnx` (or
`decoder_model.onnx`), `tokenizer.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixwise.errors import CardError
from pixwise.own.pairs import card_files, choose_pair
from pixwise.registry import CardFile

__all__ = ["CAPTION_HEADS", "caption_files", "caption_options"]

Config = Mapping[str, Any]

CAPTION_HEADS = {"blip": "blip", "vision-encoder-decoder": "vision_encoder_decoder"}  # model_type → head
_ENCODER, _DECODERS = "encoder_model", ("decoder_model_merged", "decoder_model")
_EXPORT = "pixwise export makes one of a checkpoint (docs/caption.md)"
_BLIP = {"bos_token_id": 30522, "sep_token_id": 102, "max_position_embeddings": 512}  # its defaults
_RULES = {  # of `generate` → our option
    "max_new_tokens": "max_tokens",
    "min_new_tokens": "min_tokens",
    "num_beams": "beams",
    "length_penalty": "length_penalty",
    "early_stopping": "early_stopping",
    "repetition_penalty": "repetition_penalty",
    "no_repeat_ngram_size": "no_repeat_ngram",
    "suppress_tokens": "suppressed_ids",
    "forced_bos_token_id": "first_id",
    "forced_eos_token_id": "last_id",
}


def caption_options(config: Config, generation: Config, where: str) -> dict[str, Any]:
    """Tokens, context and rules of a captioner, as options of its card.

    Args:
        config: `config.json` of BLIP or of a vision encoder-decoder.
        generation: `generation_config.json`; empty when there is none.
        where: for messages.

    Raises:
        CardError: a token that is needed is not named.
    """
    if config.get("model_type") == "blip":
        text = {**_BLIP, **_known(config.get("text_config") or {})}
        ids = {"start_id": text["bos_token_id"], "end_id": text["sep_token_id"]}
        return {**ids, "context": text["max_position_embeddings"], **_rules(generation)}
    decoder = _known(config.get("decoder") or {})
    holders = (generation, config, decoder)
    end = _first(holders, ("eos_token_id",), where)
    return {
        "start_id": _first(holders, ("decoder_start_token_id", "bos_token_id"), where),
        "end_id": end,
        "context": _first((decoder,), ("n_positions", "max_position_embeddings"), where),
        **_rules({**decoder, **_known(config), **generation}),
    }


def caption_files(files: Sequence[str], where: str, onnx: str = "") -> tuple[CardFile, ...]:
    """Encoder, decoder and tokenizer of one precision, the plain one where it is there, and external data beside them.

    Args:
        files: all paths, relative, with `/`.
        where: for messages.
        onnx: the encoder or decoder that is meant; empty chooses.

    Raises:
        CardError: one of them is missing.
    """
    pair = choose_pair(files, _ENCODER, _DECODERS, onnx)
    if not pair:
        found = ", ".join([path for path in files if path.endswith(".onnx")][:4]) or "none"
        raise CardError(f"{where}: expected onnx/{_ENCODER}.onnx and onnx/{_DECODERS[0]}.onnx, got {found}; {_EXPORT}")
    if "tokenizer.json" not in files:
        raise CardError(f"{where}: expected tokenizer.json, got none; copy it from the model's repository")
    return card_files({"encoder": pair[0], "decoder": pair[1], "tokenizer": "tokenizer.json"}, files)


def _rules(generation: Config) -> dict[str, Any]:
    """What `generate` was told, where it differs from what it does anyway; lengths without the start token."""
    given = _known(generation)
    rules = {ours: given[theirs] for theirs, ours in _RULES.items() if theirs in given}
    for theirs, ours in (("max_length", "max_tokens"), ("min_length", "min_tokens")):
        if theirs in given and ours not in rules:
            rules[ours] = max(0, given[theirs] - 1)
    usual = {"min_tokens": 0, "beams": 1, "length_penalty": 1, "repetition_penalty": 1, "no_repeat_ngram": 0}
    rules |= {"early_stopping": bool(rules.get("early_stopping", False))}
    return {key: rule for key, rule in rules.items() if rule != usual.get(key, False)}


def _known(table: Config) -> dict[str, Any]:
    return {key: entry for key, entry in table.items() if entry is not None}


def _first(tables: Sequence[Config], keys: Sequence[str], where: str) -> Any:
    found = [table[key] for key in keys for table in tables if table.get(key) is not None]
    if not found:
        raise CardError(f"{where}: config.json must have {' or '.join(keys)}, got none; add it")
    return found[0]
