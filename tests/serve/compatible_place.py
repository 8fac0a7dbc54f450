"""A service with tiny models for all operations of the compatible API, whose runs are counted."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from learning import hand_made
from onnx import TensorProto, helper, numpy_helper
from oracle import captioners, recogniser, yunet
from PIL import Image
from running_service import served
from tiny_encoder import write_encoder

from pixwise.collections.focus import Space
from pixwise.collections.shelf import Shelf
from pixwise.loading import load_card
from pixwise.samples import photo_like
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings

SIZE_WH = (320, 240)
PERSON = (80, 30, 240, 210)  # where the detector finds the more certain of two persons, in pixels of the picture
_CARD = """
id = "fixed"
task = "detect"
head = "boxes"
licence = "Apache-2.0"
names = ["person"]
[input]
size_hw = [64, 64]
resize = "stretch"
[[files]]
part = "model"
path = "fixed.onnx"
"""


def save_detector(folder: Path, shares: Sequence[Sequence[float]], scores: Sequence[float]) -> Path:
    """A detector that always finds persons in the same places, given as shares of the picture's sides."""
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text(_CARD)
    held = {"boxes": 64 * np.float32([shares]).reshape(1, -1, 4), "scores": np.float32([scores])}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(held[name])) for name in held],
        "fixed",
        [value("pixel_values", TensorProto.FLOAT, [1, 3, 64, 64])],
        [value(name, TensorProto.FLOAT, array.shape) for name, array in held.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "fixed.onnx")
    return folder


def save_models(folder: Path) -> dict[str, str]:
    """Folders of tiny models, by the names under which they are served."""
    width, height = SIZE_WH
    best = [PERSON[0] / width, PERSON[1] / height, PERSON[2] / width, PERSON[3] / height]
    save_detector(folder / "people", [[0, 0, 1, 1], best], [0.6, 0.9])
    yunet.save_constant(folder / "face-finder")
    recogniser.save(folder / "face-vectors")
    write_encoder(folder / "clip", 1)
    write_encoder(folder / "dino", 2)
    captioners.save_merged("blip", captioners.make("blip"), folder / "words")
    return {path.name: str(path) for path in folder.iterdir()}


MODELS = {
    "detect": "people",
    "faces": "face-finder",
    "embed_clip_vit_b_32": "clip",
    "embed_dino_v2": "dino",
    "embed_auraface": "face-vectors",
    "describe_image": "words",
}


def save_collection(folder: Path, encoder: str, id: str = "7", sign: float = 1.0, precision: str = "") -> None:
    """A collection over the vectors of an encoder, without training; the other sign is its contrary."""
    space = Space.of(load_card(encoder, "embed", offline=True), 24)
    space = replace(space, precision=precision or space.precision)
    made = hand_made(id, weights=sign * np.linspace(-3, 3, 24), spaces=(space,), models=(encoder,))
    shelf = Shelf(folder)
    shelf.add(made)
    shelf.choose(id, made.version, {made.version: {"macro_precision": 0.5}})


class Counted:
    """A session whose runs and rows are counted under the name of its folder."""

    def __init__(self, session: Any, name: str, place: Kitchen):
        self._session, self._name, self._place = session, name, place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def of(self, part: str) -> Counted:
        return self

    def run(self, feeds: Mapping[str, np.ndarray], part: str = "model") -> Mapping[str, np.ndarray]:
        self._place.rows[self._name] += len(next(iter(feeds.values()))) if part in ("model", "encoder") else 0
        return self._session.run(feeds, part)


@dataclass
class Kitchen:
    """A running service with its client, and the rows that each model was given."""

    service: Service
    rows: Counter = field(default_factory=Counter)
    client: httpx.Client = None

    def upload(self, picture: bytes, *tasks: tuple | dict, **form: Any) -> httpx.Response:
        """Send a picture; tasks are `(type, params)`, whose ids are their numbers, or whole."""
        told = [
            task if isinstance(task, dict) else {"operation_id": f"{number}", "type": task[0], "params": dict(task[1:])}
            for number, task in enumerate(tasks)
        ]
        files = {"image_file": ("photo.png", picture, "image/png")}
        return self.client.post("/analyze_image_upload/", files=files, data={"tasks_json": json.dumps(told), **form})

    def results(self, picture: bytes, *tasks: tuple | dict) -> list[dict[str, Any]]:
        """The results, in the order of the tasks."""
        answer = self.upload(picture, *tasks)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"].values())


@contextlib.contextmanager
def kitchen(folder: Path, **settings: Any) -> Iterator[Kitchen]:
    """The service with all tiny models."""
    own = save_models(folder / "models")
    save_collection(folder / "collections", own["clip"])
    save_collection(folder / "collections", own["clip"], "70", sign=-1)
    save_collection(folder / "collections", own["clip"], "71", precision="int4")
    given = {"own_models": own, "models": MODELS, "collections": str(folder / "collections"), **settings}
    service = Service(load_settings(**{"log": "none", "concurrency": 8, **given}), allow=lambda address: True)
    made, wrap = Kitchen(service), service.pool.wrap
    service.pool.wrap = lambda session, card: wrap(Counted(session, Path(card.folder).name, made), card)
    fresh = httpx.Limits(max_keepalive_connections=0)  # a line that idles is closed, perhaps while it is used again
    with served(service) as place, httpx.Client(base_url=place.url, timeout=60, limits=fresh) as made.client:
        yield made


def picture(seed: int = 0) -> bytes:
    """A photo-like PNG of `SIZE_WH`."""
    import io

    kept = io.BytesIO()
    Image.fromarray(photo_like(SIZE_WH[1], SIZE_WH[0], seed)).save(kept, "PNG")
    return kept.getvalue()
