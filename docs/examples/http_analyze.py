import os
from pathlib import Path

import httpx

url = os.environ.get("PIXWISE_URL", "http://127.0.0.1:8000")
files = [
    ("file", ("receipt.png", Path("examples/receipt.png").read_bytes())),
    ("file", ("scene.png", Path("examples/scene.png").read_bytes())),
    ("file", ("notes.txt", b"this is no picture")),
]
answers = httpx.post(f"{url}/v1/analyze", files=files, data={"tasks": "codes,quality"}, timeout=60).json()["answers"]

assert [answer["status"] for answer in answers] == ["ok", "ok", "error"]
receipt = answers[0]["analysis"]["results"]
assert receipt["codes"]["status"] == "ok"
assert receipt["codes"]["codes"][0]["text"]
assert answers[2]["problem"]["status"] == 415
