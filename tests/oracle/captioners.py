"""Tiny captioners of the real `transformers` classes with random weights, tokenizers, and folders as users have them.

Two forms of folder: `exported`, which `pixwise export` writes, and `merged`, which the hub has: one decoder file with
a branch for the first step and one for those after it, whose cross-attention is empty in the later steps.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import tokenizers
import torch
import transformers
from onnx import compose, helper
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors
from transformers import DynamicCache, EncoderDecoderCache
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pixwise.export import export
from pixwise.export.captioners import causal_mask

SIDE, CONTEXT = 32, 48
_SEEN = {
    "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24, "image_size": SIDE,
    "patch_size": 8,
}  # fmt: skip
_SQUARE = {"size": {"height": SIDE, "width": SIDE}}
_WORDS = "a photo of the dog cat red house on with two small tree and its under sky near old man".split()  # noqa: SIM905
_PIECES = ["##s", "##ing", "##ed", "##er", *(f"##{letter}" for letter in "abcdefghij")]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS, *"abcdefghij.,", *_PIECES, "[DEC]"]
START, END = BERT.index("[DEC]"), BERT.index("[SEP]")


def blip() -> torch.nn.Module:
    text = {
        "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
        "vocab_size": len(BERT), "max_position_embeddings": CONTEXT, "encoder_hidden_size": 24, "bos_token_id": START,
        "eos_token_id": END, "sep_token_id": END, "pad_token_id": 0,
    }  # fmt: skip
    config = transformers.BlipConfig(text_config=text, vision_config=_SEEN)
    return transformers.BlipForConditionalGeneration(config)


def vit_gpt2() -> torch.nn.Module:
    text = transformers.GPT2Config(
        vocab_size=gpt2_tokenizer().get_vocab_size(), n_positions=CONTEXT, n_embd=24, n_layer=2, n_head=2,
        add_cross_attention=True, is_decoder=True, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(transformers.ViTConfig(**_SEEN), text)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 0
    return transformers.VisionEncoderDecoderModel(config)


def bert_tokenizer() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.WordPiece({word: n for n, word in enumerate(BERT)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"])
    ends = [("[CLS]", BERT.index("[CLS]")), ("[SEP]", END)]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    return made


def gpt2_tokenizer() -> tokenizers.Tokenizer:
    """All bytes, so that a random sentence is often no UTF-8, and a few words."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "a"), ("Ġ", "d"), ("o", "g"), ("Ġd", "og"), ("o", "f"), ("Ġ", "of"), ("t", "o")]
    known = ["<|endoftext|>", *letters, *(first + second for first, second in merges)]
    made = tokenizers.Tokenizer(models.BPE({token: n for n, token in enumerate(known)}, merges))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens(["<|endoftext|>"])
    return made


MODELS: dict[str, tuple[Callable, Callable, object]] = {  # name → model, tokenizer, image processor
    "blip": (blip, bert_tokenizer, BlipImageProcessorPil(**_SQUARE)),
    "vit_gpt2": (vit_gpt2, gpt2_tokenizer, ViTImageProcessorPil(**_SQUARE)),
}
_SEEDS = {"blip": 1, "vit_gpt2": 13}  # whose sentences differ between pictures, and end at different lengths


def make(name: str, seed: int | None = None) -> torch.nn.Module:
    """A model whose sentences depend on the picture, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEEDS[name] if seed is None else seed)
        model = MODELS[name][0]().eval()
        _draw_weights(model)
    return model


@torch.no_grad()
def _draw_weights(model: torch.nn.Module) -> None:
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            if name.endswith("bias"):
                weight.normal_(0, 0.05)
            continue
        embedding = any(part in name for part in ("embedding", "wte", "wpe"))
        fan_in = weight.shape[0] if "decoder.transformer" in name else weight[0].numel()
        gain = 3.0 if "cross" in name.lower() or "patch_embed" in name else 1.0  # the picture must matter
        weight.normal_(0, 1.0 if embedding and weight.dim() == 2 else gain * fan_in**-0.5)
    for name, layer in model.named_modules():
        if name.endswith(("lm_head", "cls.predictions.decoder")):
            layer.weight.data = torch.randn_like(layer.weight) * 0.5  # no longer the embeddings, which it would repeat


def save_checkpoint(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """Weights, configs and tokenizer."""
    _, tokenizer, processor = MODELS[name]
    model.config.architectures = [type(model).__name__]
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor.to_dict()))
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    return folder


def save_exported(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """As `pixwise export` writes it: the encoder gives the keys and values of cross-attention."""
    export(save_checkpoint(name, model, folder / "checkpoint"), folder / "exported")
    return folder / "exported"


def save_merged(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """As the hub has it, without a card."""
    save_checkpoint(name, model, folder)
    (folder / "model.safetensors").unlink()
    write_merged(model, folder / "onnx")
    return folder


FORMS = {"exported": save_exported, "merged": save_merged}


class _Seeing(torch.nn.Module):
    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.tower = model.vision_model if hasattr(model, "vision_model") else model.encoder

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.tower(pixel_values=pixel_values).last_hidden_state


class _Reading(torch.nn.Module):
    """One step; `later` takes what is kept of the tokens and of the picture."""

    def __init__(self, decoder: torch.nn.Module, later: bool):
        super().__init__()
        self.decoder, self.later = decoder, later

    def forward(self, input_ids: torch.Tensor, states: torch.Tensor, *kept: torch.Tensor) -> tuple[torch.Tensor, ...]:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        for layer in range(len(kept) // 4):
            cache.self_attention_cache.update(*kept[4 * layer : 4 * layer + 2], layer)
            cache.cross_attention_cache.update(*kept[4 * layer + 2 : 4 * layer + 4], layer)
            cache.is_updated[layer] = True
        past = kept[0].shape[2] if kept else 0
        answer = self.decoder(
            input_ids=input_ids, attention_mask=causal_mask(input_ids, past),
            position_ids=torch.arange(input_ids.shape[1])[None] + past, encoder_hidden_states=states,
            past_key_values=cache, use_cache=True,
        )  # fmt: skip
        return answer.logits, *_kept(answer.past_key_values, empty=self.later)


def _kept(cache: EncoderDecoderCache, empty: bool) -> list[torch.Tensor]:
    """Keys and values of each layer: of the tokens, and of the picture, of which later steps give nothing."""
    out = []
    for own, cross in zip(cache.self_attention_cache.layers, cache.cross_attention_cache.layers, strict=True):
        out += [own.keys, own.values]
        out += [tensor[:, :, :0] if empty else tensor for tensor in (cross.keys, cross.values)]
    return out


def write_merged(model: torch.nn.Module, folder: Path) -> None:
    """encoder_model.onnx and decoder_model_merged.onnx."""
    folder.mkdir(parents=True)
    decoder = model.text_decoder if hasattr(model, "text_decoder") else model.decoder
    seeing, pixels = _Seeing(model).eval(), torch.rand(2, 3, SIDE, SIDE)
    _write(seeing, (pixels,), folder / "encoder_model.onnx", {"pixel_values": {}}, ["last_hidden_state"])
    first, later, ids = _Reading(decoder, False).eval(), _Reading(decoder, True).eval(), torch.ones(2, 3).long()
    with torch.no_grad():
        kept = first(ids, seeing(pixels))[1:]
    kinds = ("decoder.key", "decoder.value", "encoder.key", "encoder.value")
    names = [f"{layer}.{kind}" for layer in range(len(kept) // 4) for kind in kinds]
    outputs = ["logits", *(f"present.{name}" for name in names)]
    inputs = {"input_ids": {1: "t"}, "encoder_hidden_states": {}}
    pasts = {f"past_key_values.{name}": {2: "p" if ".decoder." in name else "s"} for name in names}
    _write(first, (ids, seeing(pixels)), folder / "first.onnx", inputs, outputs)
    _write(later, (ids[:, :1], seeing(pixels), *kept), folder / "later.onnx", inputs | pasts, outputs)
    onnx.save(_merged(folder / "first.onnx", folder / "later.onnx"), folder / "decoder_model_merged.onnx")
    (folder / "first.onnx").unlink()
    (folder / "later.onnx").unlink()


def _write(module: torch.nn.Module, args: tuple, path: Path, inputs: dict, outputs: list[str]) -> None:
    axes = {name: {0: "n", **axes} for name, axes in inputs.items()} | {name: {0: "n"} for name in outputs}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns of every branch; what it writes is compared with torch
        torch.onnx.export(module, args, str(path), dynamo=False, opset_version=17, dynamic_axes=axes,
                          input_names=list(inputs), output_names=outputs)  # fmt: skip


def _merged(first: Path, later: Path) -> onnx.ModelProto:
    """One graph with an If: it takes what either of the two takes, and gives what one of them gives."""
    graphs, taken = {}, {}
    for name, path in (("first", first), ("later", later)):
        taken |= {each.name: each for each in onnx.load(path).graph.input}
        graph = compose.add_prefix_graph(onnx.load(path).graph, f"{name}/", rename_inputs=False)
        del graph.input[:]  # a branch sees the names of the graph around it
        graphs[name] = graph
    around = onnx.load(later)
    inputs = [*taken.values(), helper.make_tensor_value_info("use_cache_branch", onnx.TensorProto.BOOL, [1])]
    outputs = [helper.make_tensor_value_info(each.name, onnx.TensorProto.FLOAT, None) for each in around.graph.output]
    names = [each.name for each in outputs]
    node = helper.make_node("If", ["use_cache_branch"], names, then_branch=graphs["later"], else_branch=graphs["first"])
    graph = helper.make_graph([node], "merged", inputs, outputs)
    return helper.make_model(graph, opset_imports=around.opset_import, ir_version=around.ir_version)
