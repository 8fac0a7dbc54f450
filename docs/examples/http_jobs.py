import os
import time
from pathlib import Path

import httpx

url = os.environ.get("PIXWISE_URL", "http://127.0.0.1:8000")
files = [("file", (name, Path(f"examples/{name}").read_bytes())) for name in ("receipt.png", "scene.png")]
job = httpx.post(f"{url}/v1/jobs", files=files, data={"tasks": "codes,quality"}, timeout=60).json()

while not job["ended"]:
    time.sleep(0.1)
    job = httpx.get(f"{url}/v1/jobs/{job['id']}").json()

assert job["status"] == "done"
assert [answer["name"] for answer in job["answers"]] == ["receipt.png", "scene.png"]
httpx.delete(f"{url}/v1/jobs/{job['id']}")  # else its answers are kept for an hour
