"""`action` and `transformers`, side by side: JPEG frames in, labels out, the same weights, equal threads.

    python bench/action_speed.py [--models videomae,timesformer,vivit] [--rounds 5] [--threads 2] [--folder DIR]

Full-size models of their default configs with random weights, exported once into DIR. Each clip has 40 frames of
640 x 480; `transformers` decodes those that its own sampling takes, prepares them with its own processor (PIL) and runs
the model with eager attention and with sdpa, the quicker of which counts. Prints medians, the ratio, and how far the
scores are apart.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from side_by_side import Way, medians

from pixwise.samples import photo_like

MODELS = ("videomae", "timesformer", "vivit")
FRAMES, SIZE_HW, CLASSES = 40, (480, 640), 400
Run = Callable[[list[bytes]], np.ndarray]


def model_of(name: str) -> Any:
    """A model of its default config, random weights, with a head whose scores do not tie."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, {"videomae": "VideoMAEConfig", "timesformer": "TimesformerConfig",
                                    "vivit": "VivitConfig"}[name])(num_labels=CLASSES)  # fmt: skip
    model = transformers.AutoModelForVideoClassification.from_config(config).eval()
    torch.nn.init.normal_(model.classifier.weight, std=0.1)
    return model


def processor_of(name: str) -> Any:
    """The reference's own, without torchvision."""
    from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil
    from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

    return VivitImageProcessor() if name == "vivit" else VideoMAEImageProcessorPil()


def build(name: str, folder: Path) -> tuple[Path, Path]:
    """The checkpoint and its export; made when they are not there."""
    from pixwise.export import export

    checkpoint, exported = folder / f"{name}-checkpoint", folder / f"{name}-onnx"
    if not (exported / "card.toml").exists():
        model_of(name).save_pretrained(checkpoint)
        told = json.dumps(processor_of(name).to_dict(), default=str)
        (checkpoint / "preprocessor_config.json").write_text(told)
        export(checkpoint, exported, force=True, progress=lambda line: print(f"  {line}", file=sys.stderr))
    return checkpoint, exported


def transformers_way(name: str, checkpoint: str, attention: str, threads: int) -> Run:
    """By hand, as the documentation shows it: the pipeline wants PyAV and a film."""
    import torch
    import transformers
    from transformers.video_utils import VideoMetadata, default_sample_indices_fn

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    loader, processor = transformers.AutoModelForVideoClassification, processor_of(name)
    model = loader.from_pretrained(checkpoint, attn_implementation=attention).eval()

    def run(frames: list[bytes]) -> np.ndarray:
        taken = default_sample_indices_fn(VideoMetadata(len(frames)), num_frames=model.config.num_frames)
        images = [np.asarray(Image.open(io.BytesIO(frames[i])).convert("RGB")) for i in taken]
        pixels = processor(images, return_tensors="pt")["pixel_values"].float()
        with torch.inference_mode():
            return model(pixel_values=pixels).logits.softmax(-1)[0].numpy()

    return run


def pixwise_way(exported: str, threads: int, exact: bool) -> Run:
    from pixwise.tasks.action import ActionRecognizer

    task = ActionRecognizer.load(exported, device="cpu", threads=threads, exact=exact, top=0, min_score=0.0)

    def run(frames: list[bytes]) -> np.ndarray:
        answer = task(frames)
        return answer.scores[np.argsort(answer.label_ids)]

    return run


def clip() -> list[bytes]:
    """JPEG frames of a window that moves over a drawn picture."""
    wide, frames = photo_like(SIZE_HW[0], SIZE_HW[1] + 4 * FRAMES, 1), []
    for t in range(FRAMES):
        kept = io.BytesIO()
        Image.fromarray(wide[:, 4 * t : 4 * t + SIZE_HW[1]]).save(kept, "JPEG", quality=90)
        frames.append(kept.getvalue())
    return frames


def compare(name: str, args: argparse.Namespace) -> None:
    checkpoint, exported = map(str, build(name, args.folder))
    ways = [
        Way("eager", transformers_way, name, checkpoint, "eager", args.threads),
        Way("sdpa", transformers_way, name, checkpoint, "sdpa", args.threads),
        Way("exact", pixwise_way, exported, args.threads, True),
        Way("fast", pixwise_way, exported, args.threads, False),
    ]
    times, answers = medians(ways, clip(), args.rounds, warm=1)
    for way in ways:
        way.close()
    best = min(times["eager"], times["sdpa"])
    told = "  ".join(f"{way} {1e3 * seconds:.0f}" for way, seconds in times.items())
    gap = np.abs(answers["exact"] - answers["eager"]).max() / answers["eager"].max()
    print(f"{name:12} ms: {told}   x exact {best / times['exact']:.2f}  x fast {best / times['fast']:.2f}   "
          f"scores apart by {gap:.1e} of the largest", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="videomae")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    args = parser.parse_args()
    for name in args.models.split(","):
        if name not in MODELS:
            parser.error(f"model must be one of {', '.join(MODELS)}, got {name!r}")
        compare(name, args)


if __name__ == "__main__":
    main()
