"""Tiny Swin2SR of every kind of upsampler, random weights, saved as a user would have them."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
import transformers
from onnx import TensorProto, helper
from oracle import tiny  # noqa: F401  (one thread, quiet)

from pixwise.export.parts import Given
from pixwise.export.tracing import write_onnx
from pixwise.export.upscalers import swin2sr_parts

SIDE = 64
KINDS = {  # upsampler → how many times larger
    "pixelshuffledirect": 2,
    "pixelshuffle": 4,
    "nearest+conv": 4,
}


@torch.no_grad()
def make(upsampler: str) -> torch.nn.Module:
    """A model whose answer keeps the picture's colours and adds what its neighbours say."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.Swin2SRConfig(
            embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=8, upscale=KINDS[upsampler], upsampler=upsampler
        )
        model = transformers.Swin2SRForImageSuperResolution(config).eval()
        for weight in model.parameters():
            if weight.dim() >= 2:
                weight.normal_(0, 0.8 * weight[0].numel() ** -0.5)
            elif weight.dim() == 1:
                weight.add_(torch.randn_like(weight) * 0.1)
        _stretch(model, upsampler)
    return model


def _stretch(model: torch.nn.Module, upsampler: str) -> None:
    """Set the last convolution so that answers fill 0 to 1: with flat ones every fault would pass."""
    last = model.upsample.conv if upsampler == "pixelshuffledirect" else model.upsample.final_convolution
    picture = torch.rand(1, 3, SIDE, SIDE)
    last.bias.zero_()
    made = model(picture).reconstruction
    gain = 0.2 / made.std((0, 2, 3))
    each = len(last.weight) // 3
    last.bias.copy_(((model.swin2sr.mean - made.mean((2, 3), keepdim=True)).reshape(3) * gain).repeat_interleave(each))
    last.weight.mul_(gain.repeat_interleave(each)[:, None, None, None])


def save(upsampler: str, model: torch.nn.Module, folder: Path) -> Path:
    """A folder in Hugging Face form."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    preprocessor = {"image_processor_type": "Swin2SRImageProcessor", "do_rescale": True, "do_pad": True, "pad_size": 8}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    generator = torch.Generator().manual_seed(1)
    pixels, others = (torch.rand(*shape, generator=generator) for shape in ((2, 3, 32, 40), (3, 3, 48, 24)))
    [part] = swin2sr_parts(Given(model, pixels, others))
    write_onnx(part, folder / "onnx" / "model.onnx")
    return folder


def save_repainter(folder: Path, side: int) -> None:
    """A network of one size that inverts colours, 0 to 255 in and out, with the card of `docs/image-to-image.md`."""
    folder.mkdir(parents=True)
    shape = ["n", 3, side, side]
    graph = helper.make_graph(
        [helper.make_node("Sub", ["white", "inputImage"], ["outputImage"])],
        "inverted",
        [helper.make_tensor_value_info("inputImage", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("outputImage", TensorProto.FLOAT, shape)],
        [helper.make_tensor("white", TensorProto.FLOAT, [1], [255.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "candy.onnx")
    guide = (Path(__file__).resolve().parents[2] / "docs" / "image-to-image.md").read_text("utf-8")
    (folder / "card.toml").write_text(guide.partition("```toml\n")[2].partition("```")[0])
