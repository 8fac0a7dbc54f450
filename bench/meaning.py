"""What it means: Pixwise and `transformers` side by side, JPEG bytes in, answer out, the same weights, equal threads.

    python bench/meaning.py embed [--rounds 15] [--threads N] [--folder DIR]    CLIP, DINOv2, 1 and 8 at once, int8
    python bench/meaning.py zeroshot …                                          100 labels, asked twice
    python bench/meaning.py caption …                                           BLIP, 20 tokens, greedy and 4 beams

Each ends with what was to be reached. The weights are random, so cosines of int8 are those of random weights.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from full_size import build_checkpoint
from pictures import SIZES, jpeg
from side_by_side import Way, medians

Vectors = np.ndarray
PEERS = ("sdpa", "eager")  # both ways of transformers to compute attention; the quicker one counts
TOKENS = 20


# ---------------------------------------------------------------------------------------------------------------------
# embed


def transformers_vectors(folder: str, threads: int, attention: str) -> Callable[[list[bytes]], Vectors]:
    """The model class and its PIL processor, float32, no gradients, torch's threads set."""
    import torch
    import transformers
    from PIL import Image

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation=attention).eval()

    def run(jpegs: list[bytes]) -> Vectors:
        images = [Image.open(io.BytesIO(data)) for data in jpegs]
        with torch.inference_mode():
            pixels = processor(images=images, return_tensors="pt")["pixel_values"]
            if not hasattr(model, "get_image_features"):
                return model(pixel_values=pixels).last_hidden_state[:, 0].numpy()
            found = model.get_image_features(pixel_values=pixels)
            return getattr(found, "pooler_output", found).numpy()

    return run


def pixwise_vectors(folder: str, threads: int, exact: bool, precision: str) -> Callable[[list[bytes]], Vectors]:
    """`embed` with the export of the same checkpoint."""
    from pixwise.tasks.embed import Embedder

    task = Embedder.load(f"{folder}/pixwise", device="cpu", threads=threads, exact=exact, precision=precision)

    def run(jpegs: list[bytes]) -> Vectors:
        return np.stack([answer.vector for answer in replace(task, batch=len(jpegs))(jpegs)])

    return run


def cosine(ours: Vectors, theirs: Vectors) -> float:
    """The least of the pictures."""
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (ours, theirs)]
    return float((units[0] * units[1]).sum(axis=1).min())


def embed(args: argparse.Namespace) -> None:
    """Print a row per model, picture and batch."""
    head = f"{'model':12} {'picture':7} {'batch':>5} {'sdpa':>7} {'eager':>7} {'exact':>7} {'fast':>7} {'int8':>7}   "
    print("ms per picture; x: the quicker transformers / ours; of int8: our fp32 / our int8; least cosine")
    print(f"{head} {'x exact':>7} {'x fast':>7} {'x int8':>7}  cosine exact, fast; int8 to fp32")
    for name in args.models.split(","):
        folder, singles = str(build_checkpoint(name, args.folder)), {}
        ways = [
            *(Way(kind, transformers_vectors, folder, args.threads, kind) for kind in PEERS),
            Way("exact", pixwise_vectors, folder, args.threads, True, ""),
            Way("fast", pixwise_vectors, folder, args.threads, False, ""),
            Way("int8", pixwise_vectors, folder, args.threads, False, "int8"),
        ]
        for size in SIZES:
            for batch in (1, 8):
                job = [jpeg(size, args.folder, seed) for seed in range(batch)]
                times, answers = medians(ways, job, rounds=args.rounds if batch == 1 else max(3, args.rounds // 3))
                ms = {way: 1e3 * spent / batch for way, spent in times.items()}
                report_vectors(name, size, batch, ms, answers)
                singles[size, batch] = ms["fast"]
        told = ", ".join(f"{singles[size, 1] / singles[size, 8]:.2f} x at {size}" for size in SIZES)
        print(f"{name}: 8 at once against one by one, fast: {told}")
        for way in ways:
            way.close()
    print(
        "to be reached: CLIP fast 2.1 x (0.3 MP), 4.0 x (12 MP), 8 at once 1.4 x; DINOv2 2.1 x (0.3 MP); CLIP int8 2.2"
    )


def report_vectors(name: str, size: str, batch: int, ms: dict[str, float], answers: dict[str, Vectors]) -> None:
    """One row."""
    best, wanted = min(ms[kind] for kind in PEERS), answers["sdpa"]
    ratios = f"{best / ms['exact']:7.2f} {best / ms['fast']:7.2f} {ms['fast'] / ms['int8']:7.2f}"
    numbers = " ".join(f"{ms[way]:7.1f}" for way in (*PEERS, "exact", "fast", "int8"))
    near = f"{cosine(answers['exact'], wanted):.6f}, {cosine(answers['fast'], wanted):.6f}"
    print(
        f"{name:12} {size:7} {batch:5} {numbers} ms {ratios}  {near}; {cosine(answers['int8'], answers['fast']):.5f}",
        flush=True,
    )


# ---------------------------------------------------------------------------------------------------------------------
# zeroshot


def _word(number: int) -> str:
    """A word of letters for a number: the made-up tokenizer knows no figures."""
    more, vowel = divmod(number, 5)
    return "bcdfghklmnprstvwz"[more % 17] + "aeiou"[vowel] + "bcdfgh"[more // 17] + "a"


def zeroshot(args: argparse.Namespace) -> None:
    """100 labels asked twice: the second time nothing but the picture is computed."""
    import pixwise as px

    model = str(build_checkpoint("clip-b32", args.folder) / "pixwise")
    data, load = jpeg("0.3 MP", args.folder), {"model": model, "device": "cpu", "threads": args.threads}
    px.embed(data, **load), px.zeroshot(data, ["warm", "cold"], **load)
    times: dict[str, list[float]] = {"first": [], "again": [], "embed": []}
    for turn in range(args.rounds):
        labels = [f"{_word(index)} {_word(turn)}" for index in range(100)]
        for name, ask in (
            ("first", lambda labels=labels: px.zeroshot(data, labels, **load)),
            ("again", lambda labels=labels: px.zeroshot(data, labels, **load)),
            ("embed", lambda: px.embed(data, **load)),
        ):
            started = time.perf_counter()
            ask()
            times[name].append(1e3 * (time.perf_counter() - started))
    middle = {name: statistics.median(spent) for name, spent in times.items()}
    print(f"CLIP B/32, 0.3 MP, 100 labels: first {middle['first']:.1f} ms, again {middle['again']:.1f} ms,", end=" ")
    print(f"a vector alone {middle['embed']:.1f} ms: again / vector = {middle['again'] / middle['embed']:.2f}")
    print("to be reached: again costs only the picture, 1.1 x or less")


# ---------------------------------------------------------------------------------------------------------------------
# caption


def transformers_captions(folder: str, threads: int) -> Callable[[tuple], str]:
    """`BlipForConditionalGeneration.generate`, with its cache; eager is the only attention that BLIP has there."""
    import torch
    import transformers
    from PIL import Image

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.BlipForConditionalGeneration.from_pretrained(folder).eval()

    def run(job: tuple[bytes, int, int]) -> str:
        data, tokens, beams = job
        with torch.inference_mode():
            pixels = processor(images=Image.open(io.BytesIO(data)), return_tensors="pt")["pixel_values"]
            ids = model.generate(
                pixel_values=pixels, min_new_tokens=tokens, max_new_tokens=tokens, num_beams=beams, do_sample=False
            )
        return tokenizer.decode(ids[0], skip_special_tokens=True)

    return run


def pixwise_captions(folder: str, threads: int, precision: str) -> Callable[[tuple], str]:
    """`caption` with the export of the same checkpoint."""
    from pixwise.task_table import task_class

    task = task_class("caption").load(f"{folder}/pixwise", device="cpu", threads=threads, precision=precision)

    def run(job: tuple[bytes, int, int]) -> str:
        data, tokens, beams = job
        return replace(task, min_tokens=tokens, max_tokens=tokens, beams=beams)(data).text

    return run


def caption(args: argparse.Namespace) -> None:
    """Print a row per way to search, then what one more token costs."""
    folder, data = str(build_checkpoint("blip-base", args.folder)), jpeg("0.3 MP", args.folder)
    ways = [
        Way("transformers", transformers_captions, folder, args.threads),
        Way("fp32", pixwise_captions, folder, args.threads, ""),
        Way("int8", pixwise_captions, folder, args.threads, "int8"),
    ]
    print(f"BLIP-base, 0.3 MP, exactly {TOKENS} tokens, ms; x: transformers / ours")
    print(f"{'beams':>5} {'transformers':>12} {'fp32':>8} {'int8':>8}    {'x fp32':>6} {'x int8':>6}  same words")
    for beams in (1, 4):
        times, said = medians(ways, (data, TOKENS, beams), rounds=max(3, args.rounds // 3))
        ms = {way: 1e3 * spent for way, spent in times.items()}
        theirs = ms["transformers"]
        numbers = f"{theirs:12.1f} {ms['fp32']:8.1f} {ms['int8']:8.1f}"
        same = ", ".join(f"{way} {said[way].split() == said['transformers'].split()}" for way in ("fp32", "int8"))
        print(f"{beams:5} {numbers} ms {theirs / ms['fp32']:6.2f} {theirs / ms['int8']:6.2f}  {same}", flush=True)
    lengths, spent = (5, 10, 20, 40, 80), []
    for tokens in lengths:
        times, _ = medians(ways[1:2], (data, tokens, 1), rounds=max(3, args.rounds // 3))
        spent.append(1e3 * times["fp32"])
    for (few, many), (less, more) in zip(pairwise(lengths), pairwise(spent), strict=True):
        print(f"each token from {few} to {many}: {(more - less) / (many - few):.2f} ms")
    print(f"to be reached: fp32 2.0 x, greedy and beams; the cost of a token does not grow ({TOKENS} tokens)")
    for way in ways:
        way.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("embed", "zeroshot", "caption"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    parser.add_argument("--models", default="clip-b32,dinov2-base", help="of embed")
    args = parser.parse_args()
    {"embed": embed, "zeroshot": zeroshot, "caption": caption}[args.what](args)


if __name__ == "__main__":
    main()
