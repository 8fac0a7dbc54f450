"""Depth Anything V2 small and `transformers`, side by side: JPEG bytes in, a map of the picture's size out.

    python bench/depth_speed.py [--rounds 9] [--threads N] [--folder DIR] [--parts]

The same random weights at full size, fp32, equal threads. Prints for photo-like JPEGs of 0.3 and 12 megapixels the
median of each way, the ratio to the quicker of two settings of `transformers` (plain, and with channels last), how far
the maps are apart, and what Pixwise takes on top of the model. `--parts` profiles the graph.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pictures import SIZES, jpeg
from side_by_side import Way, medians

BACKBONE = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "image_size": 518, "patch_size": 14}


def build(root: Path) -> Path:
    """Write the checkpoint and its export below `root` unless they are there; returns the folder of the checkpoint."""
    folder = root / "depth-anything-small"
    if (folder / "pixwise" / "card.toml").exists():
        return folder
    import torch
    import transformers

    from pixwise.export import export

    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        **BACKBONE, out_indices=[3, 6, 9, 12], apply_layernorm=True, reshape_hidden_states=False
    )
    neck = {"reassemble_hidden_size": 384, "neck_hidden_sizes": [48, 96, 192, 384], "fusion_hidden_size": 64}
    model = transformers.DepthAnythingForDepthEstimation(
        transformers.DepthAnythingConfig(backbone_config=backbone, **neck)
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 4:  # else all fades to nothing on its way, and any two maps agree
                weight.normal_(0, 1.4 * weight[0].numel() ** -0.5)
            if name == "head.conv3.bias":
                weight.fill_(5)
    model.save_pretrained(folder)
    transformers.DPTImageProcessorPil(
        size={"height": 518, "width": 518},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)
    export(folder, folder / "pixwise", force=True, progress=print)
    return folder


def transformers_way(folder: str, threads: int, channels_last: bool) -> Callable[[bytes], np.ndarray]:
    """Its processor, its model, its way back; float32, no gradients."""
    import torch
    import transformers
    from PIL import Image

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    processor = transformers.DPTImageProcessorPil.from_pretrained(folder)
    model = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)

    def run(data: bytes) -> np.ndarray:
        image = Image.open(io.BytesIO(data))
        with torch.inference_mode():
            answer = model(**processor(image, return_tensors="pt"))
            [found] = processor.post_process_depth_estimation(answer, [(image.height, image.width)])
        return found["predicted_depth"].numpy()

    return run


def pixwise_way(folder: str, threads: int, exact: bool) -> Callable[[bytes], np.ndarray]:
    """Pixwise with the same weights."""
    import cv2

    from pixwise.tasks.depth import DepthEstimator

    cv2.setNumThreads(threads)
    estimator = DepthEstimator.load(f"{folder}/pixwise", device="cpu", threads=threads, exact=exact)
    return lambda data: estimator(data).map()


def on_top(size: str, folder: Path) -> dict[str, float]:
    """Step → median milliseconds of what follows the model, for one size of picture."""
    from pixwise import registry
    from pixwise.picture import Picture
    from pixwise.session import FakeSession
    from pixwise.tasks.depth import DepthEstimator

    raw = {"predicted_depth": np.random.default_rng(0).uniform(0, 9, (1, 518, 686)).astype(np.float32)}
    task = DepthEstimator(card=registry.card("depth-anything-v2-small"), session=FakeSession(raw))
    _, fit = task.preprocess(Picture.open(jpeg(size, folder)))
    answer = task.postprocess(raw, fit)
    steps: dict[str, Callable[[], Any]] = {
        "answer, as the model saw it": lambda: task.postprocess(raw, fit),
        "map, full size": lambda: task.postprocess(raw, fit).map(),
        "depth of one pixel": lambda: answer.at(5, 5),
        "JSON": lambda: task.postprocess(raw, fit).to_dict(),
        "colours": answer.coloured,
    }
    return {name: 1e3 * float(np.median([spent(step) for _ in range(5)])) for name, step in steps.items()}


def spent(step: Callable[[], Any]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def parts(folder: Path, threads: int) -> None:
    """Milliseconds per kind of operator, of one run of 518 x 686 pixels."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.enable_profiling = threads, True
    options.profile_file_prefix = str(folder / "profile")
    session = onnxruntime.InferenceSession(str(folder / "pixwise" / "onnx" / "model.onnx"), options)
    for _ in range(3):
        session.run(None, {"pixel_values": np.random.default_rng(0).random((1, 3, 518, 686), np.float32)})
    path = Path(session.end_profiling())
    events, kinds = json.loads(path.read_text()), Counter()
    path.unlink()
    last = [event["ts"] for event in events if event["name"] == "model_run"][-1]
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time") and event["ts"] >= last:
            kinds[event["args"]["op_name"]] += event["dur"] / 1e3
    print("\n".join(f"{kind:24}{ms:8.1f} ms {ms / kinds.total():6.1%}" for kind, ms in kinds.most_common(10)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    parser.add_argument("--parts", action="store_true")
    args = parser.parse_args()
    folder = build(args.folder)
    if args.parts:
        return parts(folder, args.threads)
    ways = [
        Way("plain", transformers_way, str(folder), args.threads, False),
        Way("channels last", transformers_way, str(folder), args.threads, True),
        Way("exact", pixwise_way, str(folder), args.threads, True),
        Way("fast", pixwise_way, str(folder), args.threads, False),
    ]
    print(f"{'ms':8}" + "".join(f"{way.name:>14}" for way in ways) + f"{'x exact':>10}{'x fast':>8}  maps are apart by")
    for size in SIZES:
        times, answers = medians(ways, jpeg(size, args.folder), args.rounds, warm=1)
        best, wanted = min(times["plain"], times["channels last"]), answers["plain"]
        apart = [np.abs(answers[way] - wanted).max() / np.ptp(wanted) for way in ("exact", "fast")]
        told = "".join(f"{1e3 * times[way.name]:14.0f}" for way in ways)
        ratios = f"{best / times['exact']:10.2f}{best / times['fast']:8.2f}"
        print(f"{size:8}{told}{ratios}  exact {apart[0]:.1e}, fast {apart[1]:.1e} of the range", flush=True)
    for way in ways:
        way.close()
    steps = {size: on_top(size, args.folder) for size in SIZES}
    print(f"\n{'ms on top of the model':32}" + "".join(f"{size:>9}" for size in SIZES))
    for step in steps["12 MP"]:
        print(f"{step:32}" + "".join(f"{steps[size][step]:9.1f}" for size in SIZES))


if __name__ == "__main__":
    main()
