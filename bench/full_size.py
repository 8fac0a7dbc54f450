"""Full-size models with random weights, as folders in Hugging Face form: the same file for both sides of a measurement.

    python bench/full_size.py FOLDER [NAME]…  builds all models below FOLDER, or these

Speed does not depend on the weights; answers do, so the last layers are scaled until scores differ from one another.
Those of `bench/meaning.py` and `bench/segmenters.py` are exported as a user would, by `pixwise.export`: the checkpoint
lies in FOLDER/NAME, what Pixwise runs in FOLDER/NAME/pixwise.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast

from pixwise.export.detectors import fixed_size_parts
from pixwise.export.parts import Given
from pixwise.export.towers import classifier_parts
from pixwise.export.tracing import write_onnx
from pixwise.samples import photo_like

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def convnext_tiny() -> tuple[nn.Module, dict, tuple[int, int]]:
    """ConvNeXt-tiny, 224 (Liu et al. 2022); the processor resizes to 256 and crops."""
    config = transformers.ConvNextConfig(num_labels=1000)
    model = transformers.ConvNextForImageClassification(config)
    processor = transformers.ConvNextImageProcessorPil(size={"shortest_edge": 224}, crop_pct=0.875, **IMAGENET)
    with torch.no_grad():
        model.classifier.weight.mul_(20)
        for name, scale in model.named_parameters():
            if "layer_scale" in name:
                scale.fill_(0.5)
    return model, processor, (224, 224)


def rtdetr_r18() -> tuple[nn.Module, dict, tuple[int, int]]:
    """RT-DETR with ResNet-18 (Zhao et al. 2023), by the figures of the published r18vd configuration."""
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=64,
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[128, 256, 512],
        hidden_expansion=0.5,
        decoder_layers=3,
        num_labels=80,
    )
    model = transformers.RTDetrForObjectDetection(config)
    return liven_detector(model), transformers.RTDetrImageProcessorPil(), (640, 640)


def dfine_s() -> tuple[nn.Module, dict, tuple[int, int]]:
    """D-FINE-S (Peng et al. 2024), by the figures of the published small configuration."""
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 16, 16],
        hidden_sizes=[64, 256, 512, 1024],
        stage_in_channels=[16, 64, 256, 512],
        stage_mid_channels=[16, 32, 64, 128],
        stage_out_channels=[64, 256, 512, 1024],
        stage_num_blocks=[1, 1, 2, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        stage_numb_of_layers=[3, 3, 3, 3],
        use_learnable_affine_block=True,
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.DFineConfig(
        backbone_config=backbone,
        encoder_in_channels=[256, 512, 1024],
        hidden_expansion=0.5,
        depth_mult=0.34,
        decoder_layers=3,
        num_labels=80,
    )
    model = transformers.DFineForObjectDetection(config)
    return liven_detector(model), transformers.RTDetrImageProcessorPil(), (640, 640)


def liven_detector(model: nn.Module) -> nn.Module:
    """Make queries differ: normalise each layer by a photo-like picture, shift the head until a few scores pass 0.4.

    Freshly made, activations fade from layer to layer and all scores tie; order and answer would be arbitrary.
    """
    torch.manual_seed(0)
    pixels = torch.from_numpy(photo_like(640, 640, seed=99)).permute(2, 0, 1)[None] / 255
    hooks = [
        part.register_forward_pre_hook(_measure)
        for part in model.modules()
        if hasattr(part, "running_mean")  # BatchNorm, frozen or not
    ]
    heads = [part for name, part in model.named_modules() if isinstance(part, nn.Linear) and _scores(name)]
    with torch.inference_mode():
        for head in heads:
            nn.init.normal_(head.weight, std=0.5)
        best = model.eval()(pixels).logits[0].amax(dim=-1)  # (queries,)
        shift = -0.4 - best.quantile(0.95)  # sigmoid(-0.4) = 0.4
        for bias in {id(head.bias): head.bias for head in heads}.values():  # layers share theirs
            bias.add_(shift)
    for hook in hooks:
        hook.remove()
    return model


def _scores(name: str) -> bool:
    return "class_embed" in name or "score_head" in name


def _measure(part: nn.Module, inputs: tuple[torch.Tensor]) -> None:
    part.running_mean.copy_(inputs[0].mean(dim=(0, 2, 3)))
    part.running_var.copy_(inputs[0].var(dim=(0, 2, 3)) + 1e-6)


MODELS: dict[str, Callable] = {"convnext-tiny": convnext_tiny, "rtdetr-r18": rtdetr_r18, "dfine-s": dfine_s}


def clip_b32() -> tuple[nn.Module, Any, PreTrainedTokenizerFast]:
    """CLIP ViT-B/32 (Radford et al. 2021), with a tokenizer of the same size."""
    model = transformers.CLIPModel(transformers.CLIPConfig())
    return model, transformers.CLIPImageProcessorPil(), byte_tokenizer()


def dinov2_base() -> tuple[nn.Module, Any, None]:
    """DINOv2-base (Oquab et al. 2023)."""
    model = transformers.Dinov2Model(transformers.Dinov2Config(image_size=518, patch_size=14))
    size = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}
    return model, transformers.BitImageProcessorPil(**size, **IMAGENET), None


def blip_base() -> tuple[nn.Module, Any, PreTrainedTokenizerFast]:
    """BLIP-base for captions (Li et al. 2022), by the figures of the published configuration."""
    text = {"encoder_hidden_size": 768, "hidden_size": 768, "num_attention_heads": 12}
    config = transformers.BlipConfig(text_config=text, vision_config={"image_size": 384})
    model = transformers.BlipForConditionalGeneration(config)
    torch.nn.init.normal_(model.text_decoder.cls.predictions.decoder.weight, std=0.5)  # else words tie
    return model, transformers.BlipImageProcessorPil(), word_tokenizer(config.text_config.vocab_size)


class Told(dict):
    """The configuration of a processor that exists only with torchvision."""

    def save_pretrained(self, folder: Path) -> None:
        (folder / "preprocessor_config.json").write_text(json.dumps(self))


def sam2_tiny() -> tuple[nn.Module, Any, None]:
    """SAM 2 with Hiera tiny (Ravi et al. 2024), by the figures of the published tiny configuration."""
    model = transformers.Sam2Model(transformers.Sam2Config())
    size = {"height": 1024, "width": 1024}
    return model, Told(image_processor_type="Sam2ImageProcessorFast", size=size, **IMAGENET), None


def segformer_b0() -> tuple[nn.Module, Any, None]:
    """SegFormer-b0 for the 150 classes of ADE (Xie et al. 2021)."""
    model = transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=150))
    with torch.no_grad():
        model.decode_head.classifier.weight.mul_(50)
    return model, transformers.SegformerImageProcessorPil(size={"height": 512, "width": 512}, **IMAGENET), None


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Pairs of bytes joined, 49 408 of them as CLIP has: learned from made-up words."""
    draw = random.Random(0)
    syllables = [a + b + c for a in "bcdfghklmnprstvwz" for b in "aeiou" for c in ("", "n", "r", "s", "st")]
    words = ("".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(200_000))
    made = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=49406,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    made.train_from_iterator(words, trainer)
    table = json.loads(made.to_str())
    while len(table["model"]["vocab"]) < 49406:
        table["model"]["vocab"][f"<unused{len(table['model']['vocab'])}>"] = len(table["model"]["vocab"])
    made = Tokenizer.from_str(json.dumps(table))
    made.add_special_tokens(special)
    made.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=[(word, made.token_to_id(word)) for word in special]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=special[0], eos_token=special[1], pad_token=special[1], model_max_length=77
    )


def word_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Whole words, as many as BLIP's decoder knows, with BERT's special tokens where it looks for them."""
    words = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, "[DEC]": 30522, "[ENC]": 30523}
    taken = set(words.values())
    words |= {f"word{index}": index for index in range(size) if index not in taken}
    made = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)]
    )
    made.add_special_tokens([word for word in words if word.startswith("[")])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="[DEC]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]"
    )


CHECKPOINTS: dict[str, Callable] = {
    "clip-b32": clip_b32,
    "dinov2-base": dinov2_base,
    "blip-base": blip_base,
    "sam2-tiny": sam2_tiny,
    "segformer-b0": segformer_b0,
}


def build_checkpoint(name: str, root: Path) -> Path:
    """Write a checkpoint and its export below `root` unless they are there; returns the folder of the checkpoint."""
    folder = root / name
    if not (folder / "done").exists():
        from pixwise.export import export

        torch.manual_seed(0)
        model, processor, tokenizer = CHECKPOINTS[name]()
        for each in (model, processor, *([tokenizer] if tokenizer else [])):
            each.save_pretrained(folder)
        export(folder, folder / "pixwise", force=True, progress=print)
        (folder / "done").write_text(json.dumps({"transformers": transformers.__version__}))
    return folder


def build(name: str, root: Path) -> Path:
    """Write one model below `root` unless it is there; returns its folder."""
    folder = root / name
    if (folder / "done").exists():
        return folder
    torch.manual_seed(0)
    model, processor, size_hw = MODELS[name]()
    model.eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    export(model, folder / "onnx" / "model.onnx", size_hw)
    (folder / "done").write_text(json.dumps({"transformers": transformers.__version__}))
    return folder


@torch.no_grad()
def export(model: nn.Module, path: Path, size_hw: tuple[int, int]) -> None:
    """Export with a dynamic batch, as `pixwise export` does."""
    pixels = torch.randn(2, 3, *size_hw)
    parts_of = fixed_size_parts if "ObjectDetection" in type(model).__name__ else classifier_parts
    [part] = parts_of(Given(model, pixels, pixels))
    write_onnx(part, path)


if __name__ == "__main__":
    for each in sys.argv[2:] or [*MODELS, *CHECKPOINTS]:
        print((build if each in MODELS else build_checkpoint)(each, Path(sys.argv[1])))
