"""One request with four tasks against four requests with one each, over real sockets: same models, same picture.

    PIXWISE_ASSETS=… python bench/compatible.py [--rounds 15] [--folder DIR] [--embed clip-b32]

The four tasks: the box of the person, the box of the face, a vector of each. Persons are found by D-FINE-S with random
weights, whose classes are all called person and whose boxes are led to the middle; faces by YuNet as it is published
(from PIXWISE_ASSETS), in a picture that is full of one face, so that every crop has one; vectors are made by a
full-size model with random weights. Prints the median of each way and their ratio, which must be at least 2; ends with
1 where it is not. The two ways take turns.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from full_size import build, build_checkpoint
from onnx import helper, numpy_helper
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / name) for name in ("serve", ".")]
from oracle.yunet import own_model  # noqa: E402
from running_service import served  # noqa: E402

LEAST = 2.0  # what is promised
PERSON, FACE = {"target": "prominent_person"}, {"target": "prominent_face"}
TASKS = [
    {"operation_id": "person", "type": "detect_bounding_box", "params": PERSON},
    {"operation_id": "face", "type": "detect_bounding_box", "params": FACE},
    {"operation_id": "of person", "type": "embed_clip_vit_b_32", "params": PERSON},
    {"operation_id": "of face", "type": "embed_clip_vit_b_32", "params": FACE},
]


def models(folder: Path, assets: Path, embed: str) -> dict[str, str]:
    """Folders of the models, by the names under which they are served."""
    people = build("dfine-s", folder / "people-of-everything")
    lead_to_the_middle(people / "onnx" / "model.onnx")
    config = json.loads((people / "config.json").read_text())
    names = {"id2label": dict.fromkeys(map(str, range(80)), "person"), "label2id": {"person": 0}}
    (people / "config.json").write_text(json.dumps({**config, **names}))
    faces = folder / "faces"
    if not faces.exists():
        own_model(faces, assets / "models" / "yunet_n_dynamic.onnx")
    vectors = build_checkpoint(embed, folder) / "pixwise"
    return {"people": str(people), "faces": str(faces), "vectors": str(vectors)}


def lead_to_the_middle(path: Path) -> None:
    """Let a detector of the DETR family find everything in the middle of the picture, at the cost that it has."""
    model = onnx.load(path)
    held = {"nothing": np.float32([0]), "middle": np.float32([0.5, 0.5, 0.5, 0.8])}
    if any(each.name in held for each in model.graph.initializer):
        return
    last = next(node for node in model.graph.node if "pred_boxes" in node.output)
    last.output[list(last.output).index("pred_boxes")] = "found"
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in held.items())
    model.graph.node.append(helper.make_node("Mul", ["found", "nothing"], ["gone"]))
    model.graph.node.append(helper.make_node("Add", ["gone", "middle"], ["pred_boxes"]))
    onnx.save(model, path)


def full_of_faces(assets: Path, size_wh: tuple[int, int]) -> bytes:
    """A JPEG of one face, again and again."""
    face = Image.open(assets / "data/photos/david1.jpg").convert("RGB").crop((90, 20, 220, 150))
    image = Image.new("RGB", size_wh)
    for left in range(0, size_wh[0], 130):
        for top in range(0, size_wh[1], 130):
            image.paste(face, (left, top))
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=90)
    return kept.getvalue()


def seconds(client: httpx.Client, photo: bytes, groups: Sequence[Sequence[dict[str, Any]]]) -> float:
    """What it takes to ask all groups of tasks, one request after the other."""
    started = time.perf_counter()
    for tasks in groups:
        answer = client.post(
            "/analyze_image_upload/", files={"image_file": ("photo.jpg", photo)}, data={"tasks_json": json.dumps(tasks)}
        )
        results = answer.raise_for_status().json()["results"].values()
        wrong = [result["error_message"] for result in results if result["status"] != "success" or not result["data"]]
        if wrong:
            raise SystemExit(f"a task failed: {wrong[0]}")
    return time.perf_counter() - started


def compare(client: httpx.Client, photo: bytes, rounds: int) -> dict[str, float]:
    """Median milliseconds of each way, taking turns, after two turns to warm up."""
    ways = {"one request": [TASKS], "four requests": [[task] for task in TASKS]}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 2):
        for name, groups in ways.items():
            spent = seconds(client, photo, groups)
            if turn >= 2:
                times[name].append(1e3 * spent)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    parser.add_argument("--embed", default="clip-b32", choices=("clip-b32", "dinov2-base"))
    args = parser.parse_args()
    assets = Path(os.environ.get("PIXWISE_ASSETS") or "../shared/assets")
    settings = {
        "own_models": models(args.folder, assets, args.embed),
        "models": {"detect": "people", "faces": "faces", "embed_clip_vit_b_32": "vectors"},
    }
    ratios = []
    with served(**settings) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        for name, size_wh in {"0.3 MP": (640, 480), "12 MP": (4000, 3000)}.items():
            told = compare(client, full_of_faces(assets, size_wh), args.rounds)
            ratios.append(told["four requests"] / told["one request"])
            print(f"{name}: " + ", ".join(f"{way} {ms:.0f} ms" for way, ms in told.items()) + f", {ratios[-1]:.2f} x")
    sys.exit(0 if min(ratios) >= LEAST else 1)


if __name__ == "__main__":
    main()
