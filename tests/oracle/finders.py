"""Tiny finders of the real `transformers` classes, with tokenizers of their kinds, saved as a user would have them."""

from __future__ import annotations

import json
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tokenizers
import torch
import transformers
from oracle import tiny
from tokenizers import models, normalizers, pre_tokenizers, processors
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil

from pixwise.loading import load_card
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.find import Finder

SIDE = 96
LABELS = ["a red car", "a dog", "Katze", "кот"]
_LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SQUARE = {"size": {"height": SIDE, "width": SIDE}}


def clip_tokenizer() -> tokenizers.Tokenizer:
    """Bytes as tokens, lower case, token 0 fills up, the end has the highest number: as CLIP's."""
    signs = ["!", *sorted(set(pre_tokenizers.ByteLevel.alphabet()) - {"!"}), "<start>", "<end>"]
    made = tokenizers.Tokenizer(models.BPE({sign: number for number, sign in enumerate(signs)}, []))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ends = [(sign, signs.index(sign)) for sign in ("<start>", "<end>")]
    made.post_processor = processors.TemplateProcessing("<start> $A <end>", special_tokens=ends)
    made.add_special_tokens(["<start>", "<end>"])
    return made


def bert_tokenizer() -> tokenizers.Tokenizer:
    """Letters as pieces of words; numbers of special tokens as in BERT, which Grounding DINO has built in."""
    numbers = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
    letters = string.ascii_lowercase + "абвгдеиковт"
    numbers |= {piece: 200 + n for n, piece in enumerate([*letters, *("##" + letter for letter in letters)])}
    numbers |= {f"[unused{n}]": n for n in range(1030) if n not in numbers.values()}
    made = tokenizers.Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return made


def _owl(kind: str) -> torch.nn.Module:
    config = getattr(transformers, f"{kind}Config")(
        text_config={**_LAYERS, "vocab_size": 258, "max_position_embeddings": 16},
        vision_config={**_LAYERS, "image_size": SIDE, "patch_size": 16},
        projection_dim=32,
    )
    return getattr(transformers, f"{kind}ForObjectDetection")(config)


def grounding_dino() -> torch.nn.Module:
    backbone = transformers.SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, out_indices=[2, 3, 4], image_size=SIDE
    )
    text = transformers.BertConfig(**_LAYERS, vocab_size=1030, max_position_embeddings=64)
    return transformers.GroundingDinoForObjectDetection(
        transformers.GroundingDinoConfig(
            backbone_config=backbone, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, num_queries=20,
            encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_n_points=2, decoder_n_points=2, max_text_len=48, num_feature_levels=4,
        )
    )  # fmt: skip


class Kind(NamedTuple):
    """How to make a model, its pixels and its words."""

    make: Callable[[], torch.nn.Module]
    processor: object
    tokenizer: Callable[[], tokenizers.Tokenizer]


KINDS = {
    "owlvit": Kind(lambda: _owl("OwlViT"), OwlViTImageProcessorPil(**_SQUARE), clip_tokenizer),
    "owlv2": Kind(lambda: _owl("Owlv2"), Owlv2ImageProcessorPil(**_SQUARE), clip_tokenizer),
    "grounding_dino": Kind(
        grounding_dino,
        GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160}),
        bert_tokenizer,
    ),
}


def make(name: str) -> torch.nn.Module:
    """A model whose answers depend on picture and labels, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = KINDS[name].make().eval()
        tiny._draw_weights(model)
        if name == "grounding_dino":
            model.model.decoder.layer_norm.weight.data *= 0.15  # else all scores are 1
    return model


def words(name: str, labels: list[str]) -> dict[str, torch.Tensor]:
    """The labels as the reference's processor makes them."""
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=KINDS[name].tokenizer(), pad_token="!" if name != "grounding_dino" else "[PAD]"
    )
    if name == "grounding_dino":
        joined = ". ".join(label.strip().lower() for label in labels) + "."
        return dict(made([joined], return_tensors="pt", return_token_type_ids=True))
    return dict(made(labels, padding="max_length", max_length=16, return_tensors="pt"))


class _Wrapped(torch.nn.Module):
    def __init__(self, model: torch.nn.Module, names: list[str]):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = self.model(**dict(zip(self.names, arrays, strict=True)), return_dict=True)
        return answer.logits, answer.pred_boxes


def export(name: str, model: torch.nn.Module, path: Path) -> None:
    """One picture, any number of labels."""
    feeds = {**words(name, LABELS[:3]), "pixel_values": torch.rand(1, 3, SIDE, SIDE)}
    axes = {"input_ids": {0: "q"}, "attention_mask": {0: "q"}, "logits": {2: "q"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every branch; the result is compared with torch
        torch.onnx.export(_Wrapped(model, list(feeds)).eval(), tuple(feeds.values()), str(path), dynamo=False,
                          opset_version=17, dynamic_axes=axes, input_names=list(feeds),
                          output_names=["logits", "pred_boxes"])  # fmt: skip


def save(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """A folder in Hugging Face form; in that of Grounding DINO the model is a stand-in, see `finder`."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(KINDS[name].processor.to_dict()))
    KINDS[name].tokenizer().save(str(folder / "tokenizer.json"))
    if name == "grounding_dino":
        (folder / "onnx" / "model.onnx").write_bytes(b"stand-in")
    else:
        export(name, model, folder / "onnx" / "model.onnx")
    return folder


def finder(name: str, model: torch.nn.Module, folder: Path, **options: Any) -> Finder:
    """The task for a saved model.

    Neither of torch's exporters takes Grounding DINO (transformers 5.23, torch 2.13: the older one stops at `isin`, the
    newer one at `view` after attention, with `eager` attention at `cummax`), so torch itself answers our feeds instead.
    """
    if name != "grounding_dino":
        return Finder.load(str(folder), threads=1, **options)

    @torch.no_grad()
    def answer(feeds: dict) -> dict:
        said = model(**{key: torch.from_numpy(rows.copy()) for key, rows in feeds.items()})
        return {"logits": said.logits.numpy(), "pred_boxes": said.pred_boxes.numpy()}

    words = ("input_ids", "token_type_ids", "attention_mask")
    inputs = (
        Tensor("pixel_values", (-1, 3, -1, -1), "float"),
        *(Tensor(each, (-1, -1), "int64") for each in words),
        Tensor("pixel_mask", (-1, -1, -1), "int64"),
    )
    session = FakeSession(answer, inputs, files={"tokenizer": folder / "tokenizer.json"})
    return Finder(card=load_card(str(folder), "find"), session=session, **options)
