import base64
import os
from pathlib import Path

import httpx

url = os.environ.get("PIXWISE_URL", "http://127.0.0.1:8000")
picture = Path("examples/receipt.png").read_bytes()

# the picture itself; options in the query
answer = httpx.post(f"{url}/v1/quality?colours=3", content=picture, headers={"Content-Type": "image/png"}).json()
assert len(answer["colours"]) == 3

# as a form
answer = httpx.post(f"{url}/v1/codes", files={"file": ("receipt.png", picture)}).json()
assert answer["codes"][0]["kind"] == "QR_CODE"
assert answer["image"]["source"] == "receipt.png"

# as JSON
uri = "data:image/png;base64," + base64.b64encode(picture).decode()
answer = httpx.post(f"{url}/v1/quality", json={"image": uri, "options": {"colours": 2}}).json()
assert len(answer["colours"]) == 2

# the answer drawn into the picture
headers = {"Content-Type": "image/png", "Accept": "image/webp"}
drawn = httpx.post(f"{url}/v1/codes", content=picture, headers=headers)
assert drawn.headers["content-type"] == "image/webp"

# what is wrong is said in words
refused = httpx.post(f"{url}/v1/quality?colour=3", content=picture, headers={"Content-Type": "image/png"})
assert refused.status_code == 422
assert "did you mean 'colours'?" in refused.json()["detail"]
