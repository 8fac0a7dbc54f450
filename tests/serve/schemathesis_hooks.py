"""What schemathesis must know of us: what a picture is, and that options in the query go with image bytes alone.

Loaded by `schemathesis run` through SCHEMATHESIS_HOOKS.
"""

import base64
import io
import json

import schemathesis
from hypothesis import strategies as st
from PIL import Image


def _encoded(form: str, size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", size, colour).save(kept, form)
    return kept.getvalue()


PICTURES = {
    "image/png": [_encoded("PNG", (40, 30), (200, 80, 20)), _encoded("PNG", (1, 1), (0, 0, 0))],
    "image/jpeg": [_encoded("JPEG", (16, 64), (20, 80, 200))],
    "image/webp": [_encoded("WEBP", (32, 32), (255, 255, 255))],
}
URIS = [f"data:{kind};base64,{base64.b64encode(data).decode()}" for kind, files in PICTURES.items() for data in files]

for kind, files in PICTURES.items():
    schemathesis.openapi.media_type(kind, st.sampled_from(files))
schemathesis.openapi.media_type("image/*", st.sampled_from(PICTURES["image/png"]))
schemathesis.openapi.format("picture", st.sampled_from(URIS))
schemathesis.openapi.format("picture-url", st.sampled_from(URIS))
schemathesis.openapi.format("words", st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
schemathesis.openapi.format("options-json", st.just(json.dumps({})))
schemathesis.openapi.format("task", st.sampled_from(["quality", "codes", "embed"]))
schemathesis.openapi.format("tasks", st.sampled_from(["quality", "codes, embed", '["quality", {"task": "codes"}]']))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Options in the query go with image bytes alone, which OpenAPI cannot say."""
    is_plain = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    if is_plain and case.media_type in ("application/json", "multipart/form-data"):
        case.query = {}
