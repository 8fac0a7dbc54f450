"""Tiny models with a tower for pictures and one for texts, of the real `transformers` classes, with real tokenizers.

CLIP's tokenizer is a byte-level BPE that `CLIPTokenizer` made, SigLIP's a unigram model as its sentencepiece file is,
SigLIP 2's a BPE over whole lines that `Siglip2Tokenizer` made, trained on a few sentences. The first two are given
their pieces: their training comes out differently in each process.
"""

from __future__ import annotations

import json
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tokenizers
import torch
import transformers
from oracle import tiny, towers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

LENGTH = 16  # tokens that a text may have
SCALE, BIAS = 40.0, 3.0
_TEXTS = {**towers._LAYERS, "max_position_embeddings": LENGTH}
_LINES = ["a photo of a dog, two cats and a bird", "ein Haus am See", "This is a picture of the sky at night"] * 3


class Pair(NamedTuple):
    """How to make a model and its tokenizer, and how the reference is told to prepare texts."""

    make: Callable[[int, int], torch.nn.Module]  # of size of the vocabulary and number of the end
    tokenizer: Callable[[], transformers.PreTrainedTokenizerBase]
    padding: str | bool
    output: str
    picture: str  # whose picture tower it has, in towers.py


def clip(size: int, end: int) -> torch.nn.Module:
    text = {**_TEXTS, "vocab_size": size, "eos_token_id": end}
    return transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=towers._SEEN, projection_dim=24)
    )


def clip_old(size: int, end: int) -> torch.nn.Module:
    """As OpenAI's: `eos_token_id` is wrong there, and the highest number ends a text."""
    return clip(size, 2)


def siglip(size: int, end: int) -> torch.nn.Module:
    text = {**_TEXTS, "vocab_size": size}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=towers._SEEN))


def _words() -> list[str]:
    return sorted({word.strip(",").lower() for word in " ".join(_LINES).split()})


def clip_tokenizer() -> transformers.PreTrainedTokenizerBase:
    """`CLIPTokenizer` with merges of its own, each word from its left; its last token ends a text, as OpenAI's does."""
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = []
    for word in _words():
        ends = [*word[:-1], word[-1] + "</w>"]
        merges += [("".join(ends[:i]), ends[i]) for i in range(1, len(ends))]
    merges = list(dict.fromkeys(merges))
    marks = ["<|startoftext|>", "<|endoftext|>"]
    tokens = [*signs, *(sign + "</w>" for sign in signs), *dict.fromkeys(map("".join, merges)), *marks]
    return transformers.CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)


def _pieces() -> list[tuple[str, float]]:
    """Pieces of words and the logarithm of how often each comes: words, and letters, which are rarer."""
    likely = [("▁" + word, -2 - 0.01 * i) for i, word in enumerate(_words())]
    letters = sorted({*"".join(word for word, _ in likely)} - {word for word, _ in likely})
    rare = [(sign, -4 - 0.01 * i) for i, sign in enumerate(letters)]
    return [("<unk>", 0.0), ("</s>", 0.0), *likely, *rare]


def siglip_tokenizer() -> transformers.PreTrainedTokenizerBase:
    """Lowercase, no punctuation, single blanks; `</s>` ends a text and fills it up."""
    made = tokenizers.Tokenizer(models.Unigram(_pieces(), unk_id=0))
    punctuation = tokenizers.Regex("[" + "".join("\\" + sign for sign in string.punctuation) + "]")
    made.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(punctuation, ""),
         normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Strip()]
    )  # fmt: skip
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.add_special_tokens(["<unk>", "</s>"])
    made.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", made.token_to_id("</s>"))])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", eos_token="</s>", pad_token="</s>", model_input_names=["input_ids"]
    )


def siglip2_tokenizer(side: str = "right") -> transformers.PreTrainedTokenizerBase:
    """`Siglip2Tokenizer`, set up as in the published models: no mask, `<eos>` at the end, filled up on the right."""
    plain = transformers.Siglip2Tokenizer().backend_tokenizer
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=marks, show_progress=False)
    plain.train_from_iterator(_LINES, trainer)
    model = json.loads(plain.to_str())["model"]
    made = transformers.Siglip2Tokenizer(
        vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], padding_side=side,
        model_input_names=["input_ids"],
    )  # fmt: skip
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        "$A <eos>", special_tokens=[("<eos>", made.eos_token_id)]
    )
    return made


def siglip2_tokenizer_left() -> transformers.PreTrainedTokenizerBase:
    return siglip2_tokenizer("left")


PAIRS = {
    "clip": Pair(clip, clip_tokenizer, True, "text_embeds", "clip"),
    "clip_old": Pair(clip_old, clip_tokenizer, True, "text_embeds", "clip"),
    "siglip": Pair(siglip, siglip_tokenizer, "max_length", "pooler_output", "siglip_both"),
    "siglip2": Pair(siglip, siglip2_tokenizer, "max_length", "pooler_output", "siglip_both"),
    "siglip2_left": Pair(siglip, siglip2_tokenizer_left, "max_length", "pooler_output", "siglip_both"),
}


class Model(NamedTuple):
    """A model of the reference, and how it is asked."""

    model: torch.nn.Module
    tokenizer: transformers.PreTrainedTokenizerBase
    pair: Pair

    def tokens(self, texts: list[str]) -> torch.Tensor:
        told = self.tokenizer(texts, padding=self.pair.padding, truncation=True, max_length=LENGTH, return_tensors="pt")
        return told["input_ids"]

    @torch.no_grad()
    def features(self, texts: list[str]) -> torch.Tensor:
        """(N, D), not yet of length 1."""
        found = self.model.get_text_features(input_ids=self.tokens(texts))
        return found if isinstance(found, torch.Tensor) else found.pooler_output

    @torch.no_grad()
    def logits(self, pixels: torch.Tensor, texts: list[str]) -> torch.Tensor:
        """(B, N)"""
        return self.model(input_ids=self.tokens(texts), pixel_values=pixels).logits_per_image


def make(name: str) -> Model:
    """A model whose answers depend on picture and text, always the same one."""
    pair, tokenizer = PAIRS[name], PAIRS[name].tokenizer()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = pair.make(len(tokenizer), tokenizer.eos_token_id).eval()
        tiny._draw_weights(model)
        model.logit_scale.fill_(torch.log(torch.tensor(SCALE)))
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(BIAS)
    return Model(model, tokenizer, pair)


def _leave_case(path: Path) -> None:
    """Make SigLIP 2's file like the published ones, which are Gemma's: the lowercase is made by `Siglip2Tokenizer`."""
    told = json.loads(path.read_text("utf-8"))
    steps = told["normalizer"].get("normalizers", [])
    if steps[0] == {"type": "Lowercase"} and len(steps) == 2:
        path.write_text(json.dumps({**told, "normalizer": steps[1]}), "utf-8")


class _Texts(torch.nn.Module):
    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        found = self.model.get_text_features(input_ids=input_ids)
        return found if isinstance(found, torch.Tensor) else found.pooler_output


def save(made: Model, folder: Path) -> Path:
    """A folder in Hugging Face form with both towers, as exported by others; the scale is written into its config."""
    tower = towers.TOWERS[made.pair.picture]
    towers.save(made.pair.picture, made.model, folder)
    made.tokenizer.save_pretrained(folder)
    _leave_case(folder / "tokenizer.json")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    told = {"logit_scale": SCALE} | ({"logit_bias": BIAS} if hasattr(made.model, "logit_bias") else {})
    (folder / "config.json").write_text(json.dumps(config | told))
    ids = made.tokens(["a photo of a dog", "ein Haus"])
    axes = {"input_ids": {0: "n", 1: "tokens"}, made.pair.output: {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every branch; the result is compared with torch
        torch.onnx.export(_Texts(made.model).eval(), (ids,), str(folder / "onnx" / "text_model.onnx"), dynamo=False,
                          opset_version=17, dynamic_axes=axes, input_names=["input_ids"],
                          output_names=[made.pair.output])  # fmt: skip
    assert tower.file == "vision_model.onnx"
    return folder
