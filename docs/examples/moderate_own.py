"""A policy of one's own, and its thresholds measured on pictures of one's own."""

from pathlib import Path

import numpy as np

import pixwise as px

Path("papers.toml").write_text("""
title = "No papers that name people or sums"
otherwise = "review"
templates = ["a photo of {label}", "{label}"]

[[rule]]
name = "harmless"
labels = ["a landscape", "things on a table", "geometric shapes"]
threshold = 0.5
action = "allow"

[[rule]]
name = "papers"
labels = ["a receipt", "a letter", "a page of a book"]
threshold = 0.4
action = "block"
""")
moderator = px.Moderator.load("models/clip", policy="papers.toml")

said = moderator("examples/receipt.png")
print(f"{said.action} by rule {said.because or '-'}")
for row in said:
    print(f"  {row.rule}: {row.score:.2f} of {row.threshold:.2f}{' fired' if row.fired else ''}, most like {row.label}")

# Which threshold? Take hundreds of each kind, of your own, that were not used to find the words.
should_stop = ["examples/receipt.png", "examples/page.png"]
should_pass = ["examples/scene.png"]


def scores_of(pictures, rule="papers"):
    return np.array([row.score for said in moderator(pictures) for row in said if row.rule == rule])


bad, good = scores_of(should_stop), scores_of(should_pass)
for threshold in (0.2, 0.3, 0.4, 0.5, 0.6):
    print(
        f"{threshold:.1f}: misses {np.mean(bad < threshold):.0%}, stops {np.mean(good >= threshold):.0%} of the others"
    )
