"""What is too large or broken is refused before it costs anything."""

from pathlib import Path

import pixwise as px

receipt = Path(__file__).parents[2] / "examples" / "receipt.png"
try:
    px.Picture.open(receipt, limits=px.Limits(max_pixels=1000))
except px.PixwiseError as error:
    print(error)  # … pixels must be at most 1,000, got …; if you trust the picture pass limits=Limits(max_pixels=…)

for source in (b"", b"just text", "missing.jpg", "http://localhost/x.png"):
    try:
        px.Picture.open(source)
    except px.PixwiseError as error:
        print(type(error).__name__, error)
