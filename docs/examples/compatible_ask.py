import json
import os

import httpx

url = os.environ.get("PIXWISE_URL", "http://127.0.0.1:8000")
tasks = [
    {"operation_id": "who", "type": "detect_bounding_box", "params": {"target": "prominent_person"}},
    {"operation_id": "codes", "type": "read_codes"},
    {"operation_id": "face", "type": "embed_auraface"},
]
with open("examples/receipt.png", "rb") as file:
    form = {"files": {"image_file": file}, "data": {"tasks_json": json.dumps(tasks)}}
    answer = httpx.post(f"{url}/analyze_image_upload/", **form, timeout=60).json()

assert answer["image_url"] == "uploaded:receipt.png"
results = answer["results"]
assert results["who"]["status"] == "success"
assert results["who"]["data"] is None  # nobody is on a receipt
assert results["codes"]["data"]["codes"][0]["text"]
assert "pixwise models pull auraface" in results["face"]["error_message"]  # unless it is there
