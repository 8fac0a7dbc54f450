"""Read the QR code and the bar code of a receipt."""

from pathlib import Path

import pixwise as px

receipt = Path(__file__).parents[2] / "examples" / "receipt.png"

for code in px.codes(receipt):
    print(code.kind, code.text, "at", code.box.round().tolist())

px.codes(receipt).draw(receipt).save("receipt_codes.png")
