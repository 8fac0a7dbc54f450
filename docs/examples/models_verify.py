"""A file is held to its SHA-256 before it is opened, in a folder of one's own as well."""

import hashlib
from dataclasses import replace
from pathlib import Path

from pixwise import registry, store
from pixwise.errors import ModelFileError
from pixwise.registry import CardFile

folder = Path("mine")
folder.mkdir()
(folder / "model.onnx").write_bytes(b"weights")
file = CardFile("model.onnx", part="model", bytes=7, sha256=hashlib.sha256(b"weights").hexdigest())
card = replace(registry.card("dfine-s"), id="mine", folder=str(folder), files=(file,))

print(store.ensure(card))  # {'model': PosixPath('mine/model.onnx')}
(folder / "model.onnx").write_bytes(b"wEights")
try:
    store.ensure(card)
except ModelFileError as error:
    print(error)  # mine/model.onnx: expected SHA-256 …, got …; copy it there again
