"""Read a receipt: the text, its lines, where they are, and only what is certain."""

from pathlib import Path

import pixwise as px

receipt = Path(__file__).parents[2] / "examples" / "receipt.png"

lines = px.ocr(receipt)
print(lines.text)  # in reading order, a line each

for line in lines:
    left, top, right, bottom = line.box
    print(f"{line.text:24} {line.score:.2f} at {left:.0f}, {top:.0f}")

prices = [line.text for line in lines if line.text.replace(".", "").isdigit()]
print("sum of the prices:", sum(map(float, prices[:5])))

certain = lines.select(lines.scores > 0.99)  # or px.ocr(receipt, min_score=0.99)
print(len(certain), "of", len(lines), "lines are almost certain")
lines.draw(receipt).save("receipt_lines.png")
