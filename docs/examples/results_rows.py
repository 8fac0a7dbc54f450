"""Rows, columns, selecting, JSON and back."""

import json
from pathlib import Path

import pixwise as px
from pixwise.results import result_from_dict

receipt = Path(__file__).parents[2] / "examples" / "receipt.png"
codes = px.codes(receipt)

for code in codes:  # rows are named tuples
    print(code.kind, code.text, code.box)

print(codes.kinds, codes.boxes.shape)  # columns are tuples of strings and read-only arrays
print(codes[0].text, len(codes), codes.model.id)

wide = codes[codes.boxes[:, 2] - codes.boxes[:, 0] > 200]  # by truth, or by index in any order; same as select()
print(len(wide), "of", len(codes), "are wider than 200 px")

line = json.dumps(codes.to_dict())  # a line of JSONL
assert len(result_from_dict(json.loads(line))) == len(codes)
