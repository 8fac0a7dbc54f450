"""A tiny Florence-2 of the real `transformers` class, random weights, in the four files of the hub's exports."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import onnx
import tokenizers
import torch
import transformers
from onnx import helper
from oracle import tiny
from tokenizers import decoders, models, pre_tokenizers, processors
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

SIDE = 64
LAYERS, HEADS, WIDTH = 2, 2, 32
IMAGE_TOKENS = (SIDE // 32) ** 2 + 1
WORDS = ["cat", "Ġdog", "Ġred", "EXIT", "the", "Ġon", "Ġin", "wh", "at", "Ã©"]
_BOXES = ("description_with_bboxes", "bboxes", "phrase_grounding", "ocr", "pure_text")


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Bytes, a few words, and the thousand places, special as they are in the published tokenizer."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters, *WORDS])}
    made = tokenizers.Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<image>", *(f"<loc_{bin}>" for bin in range(1000))])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip


def processor() -> transformers.Florence2Processor:
    """The real one, with its real image processor."""
    pictures = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    pictures.image_seq_length = IMAGE_TOKENS
    return transformers.Florence2Processor(pictures, tokenizer(), post_processor_config={name: {} for name in _BOXES})


def make() -> transformers.Florence2ForConditionalGeneration:
    """A model whose answers depend on the picture and on the prompt, always the same one."""
    size = len(tokenizer())
    seen = {
        "depths": [1] * 4, "embed_dim": [8, 8, 16, 16], "num_heads": [1, 1, 2, 2], "num_groups": [1, 1, 2, 2],
        "window_size": 4, "projection_dim": WIDTH, "mlp_ratio": 1.0, "drop_path_rate": 0.0,
    }  # fmt: skip
    said = {
        "model_type": "bart", "vocab_size": size, "d_model": WIDTH, "encoder_layers": LAYERS, "decoder_layers": LAYERS,
        "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS, "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32, "max_position_embeddings": 256, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
        "decoder_start_token_id": 2, "forced_bos_token_id": 0, "forced_eos_token_id": 2,
    }  # fmt: skip
    config = transformers.Florence2Config(
        vision_config=seen, text_config=said, image_token_id=tokenizer().convert_tokens_to_ids("<image>")
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.Florence2ForConditionalGeneration(config).eval()
        tiny._draw_weights(model)
        table = model.get_input_embeddings().weight
        with torch.no_grad():  # the end is likely where two other tokens are: most answers end, some go on
            table[2] = 0.6 * (table[1155] + table[835])
    model.generation_config = transformers.GenerationConfig(  # as the published ones have it
        decoder_start_token_id=2, forced_bos_token_id=0, forced_eos_token_id=2, bos_token_id=0, eos_token_id=2,
        pad_token_id=1, num_beams=3, no_repeat_ngram_size=3, early_stopping=True,
    )  # fmt: skip
    return model


class _Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model.get_image_features(pixel_values).pooler_output


class _Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder = model.model.language_model.encoder

    def forward(self, attention_mask, inputs_embeds):
        return self.encoder(attention_mask=attention_mask, inputs_embeds=inputs_embeds).last_hidden_state


class _Decoder(torch.nn.Module):
    """Logits, and per layer the keys and values of the decoder, and in the first step those of the encoder."""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.head = model.model.language_model.decoder, model.lm_head

    def forward(self, encoder_attention_mask, encoder_hidden_states, inputs_embeds, *past):
        own, crossed = DynamicCache(), DynamicCache()
        cache = EncoderDecoderCache(own, crossed)
        for layer in range(len(past) // 4):
            key, value, cross_key, cross_value = past[4 * layer : 4 * layer + 4]
            own.update(key, value, layer)
            crossed.update(cross_key, cross_value, layer)
            cache.is_updated[layer] = True
        hidden = self.decoder(
            inputs_embeds=inputs_embeds, encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask, past_key_values=cache, use_cache=True,
        ).last_hidden_state  # fmt: skip
        kept = [own] if past else [own, crossed]
        presents = [
            each for layer in range(LAYERS) for c in kept for each in (c.layers[layer].keys, c.layers[layer].values)
        ]
        return self.head(hidden), *presents


def _caches(prefix: str, kinds: tuple[str, ...] = ("decoder", "encoder")) -> list[str]:
    return [f"{prefix}.{i}.{kind}.{what}" for i in range(LAYERS) for kind in kinds for what in ("key", "value")]


def _write(module: torch.nn.Module, args: tuple, path: Path, inputs: list[str], outputs: list[str], axes: dict) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every branch; the answers are compared with torch
        torch.onnx.export(module.eval(), args, str(path), dynamo=False, opset_version=17, input_names=inputs,
                          output_names=outputs, dynamic_axes=axes)  # fmt: skip


def _merge(first: Path, later: Path, path: Path) -> None:
    """One decoder of two, as the hub has it: `use_cache_branch` chooses; later steps give no keys of the encoder."""
    begins, goes_on = onnx.load(first), onnx.load(later)
    presents, size = _caches("present"), WIDTH // HEADS
    for name in presents:
        if ".encoder." in name:
            empty = helper.make_tensor(name + "_none", onnx.TensorProto.FLOAT, (0, HEADS, 1, size), [])
            goes_on.graph.node.append(helper.make_node("Constant", [], [name], value=empty))
    outputs = ["logits", *presents]
    branches = []
    for prefix, graph in (("first_", begins.graph), ("later_", goes_on.graph)):
        outer = {tensor.name for tensor in graph.input}
        for node in graph.node:
            node.input[:] = [name if name in outer or not name else prefix + name for name in node.input]
            node.output[:] = [prefix + name for name in node.output]
        for tensor in graph.initializer:
            tensor.name = prefix + tensor.name
        values = [helper.make_tensor_value_info(prefix + name, onnx.TensorProto.FLOAT, None) for name in outputs]
        branches.append(helper.make_graph(graph.node, prefix, [], values, initializer=graph.initializer))
    choice = helper.make_node("If", ["use_cache_branch"], outputs, then_branch=branches[1], else_branch=branches[0])
    inputs = [helper.make_tensor_value_info("use_cache_branch", onnx.TensorProto.BOOL, [1]), *begins.graph.input]
    inputs += [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", HEADS, f"{name}_length", size])
        for name in _caches("past_key_values")
    ]
    said = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    merged = helper.make_model(helper.make_graph([choice], "merged", inputs, said), opset_imports=begins.opset_import)
    merged.ir_version = begins.ir_version
    onnx.save(merged, path)


def save(model: torch.nn.Module, folder: Path) -> Path:
    """A folder as the hub has them."""
    onnx_folder = folder / "onnx"
    onnx_folder.mkdir(parents=True)
    model.config.architectures = ["Florence2ForConditionalGeneration"]
    model.config.save_pretrained(folder)
    pictures = {**processor().image_processor.to_dict(), "image_processor_type": "CLIPImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    tokenizer().backend_tokenizer.save(str(folder / "tokenizer.json"))
    rows, length = {0: "n"}, {0: "n", 1: "length"}
    _write(_Vision(model), (torch.rand(2, 3, SIDE, SIDE),), onnx_folder / "vision_encoder.onnx", ["pixel_values"],
           ["image_features"], {"pixel_values": rows, "image_features": rows})  # fmt: skip
    _write(model.get_input_embeddings(), (torch.ones(2, 3, dtype=torch.int64),), onnx_folder / "embed_tokens.onnx",
           ["input_ids"], ["inputs_embeds"], {"input_ids": length, "inputs_embeds": length})  # fmt: skip
    mask, states = torch.ones(2, 7, dtype=torch.int64), torch.rand(2, 7, WIDTH)
    _write(_Encoder(model), (mask, states), onnx_folder / "encoder_model.onnx", ["attention_mask", "inputs_embeds"],
           ["last_hidden_state"], {name: length for name in ("attention_mask", "inputs_embeds", "last_hidden_state")},
           )  # fmt: skip
    _save_decoder(model, (mask, states), onnx_folder)
    return folder


def _save_decoder(model: torch.nn.Module, encoded: tuple, folder: Path) -> None:
    inputs, size = ["encoder_attention_mask", "encoder_hidden_states", "inputs_embeds"], WIDTH // HEADS
    axes = {**{name: {0: "n", 1: f"{name}_length"} for name in (*inputs, "logits")},
            **{name: {0: "n", 2: f"{name}_length"} for name in (*_caches("past_key_values"), *_caches("present"))},
            }  # fmt: skip
    decoder, first, later = _Decoder(model), folder / "first.onnx", folder / "later.onnx"
    _write(decoder, (*encoded, torch.rand(2, 3, WIDTH)), first, inputs, ["logits", *_caches("present")], axes)
    past = [torch.rand(2, HEADS, 7 if i % 4 > 1 else 5, size) for i in range(4 * LAYERS)]
    _write(decoder, (*encoded, torch.rand(2, 1, WIDTH), *past), later, [*inputs, *_caches("past_key_values")],
           ["logits", *_caches("present", ("decoder",))], axes)  # fmt: skip
    _merge(first, later, folder / "decoder_model_merged.onnx")
    first.unlink(), later.unlink()
