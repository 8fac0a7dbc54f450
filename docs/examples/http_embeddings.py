import base64
import os
from pathlib import Path

import httpx
import numpy as np

url = os.environ.get("PIXWISE_URL", "http://127.0.0.1:8000")


def uri(path):
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


told = {"model": "look", "encoding_format": "base64", "input": [uri("examples/scene.png"), uri("examples/page.png")]}
answer = httpx.post(f"{url}/v1/embeddings", json=told, timeout=60).json()
vectors = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in answer["data"]]
assert answer["model"] == "look"
assert float(vectors[0] @ vectors[1]) < 0.9  # cosine: vectors have length 1

models = httpx.get(f"{url}/v1/models?task=embed").json()["data"]
assert "look" in [model["id"] for model in models if model["usable"]]
