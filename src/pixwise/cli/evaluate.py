"""`pixwise eval VERB`: how good answers are, by the user's own truth; verification here, files in `measures.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from pixwise.cli.ask import load
from pixwise.cli.endings import say
from pixwise.cli.measures import VERBS
from pixwise.cli.model_rows import print_json, print_table
from pixwise.cli.options import CODE_ROWS, Verb, VerbGroup, limit_options, model_options, option
from pixwise.cli.progress import Progress
from pixwise.cli.run import limits_of
from pixwise.evaluate.face_pairs import measure_pairs, read_pairs
from pixwise.evaluate.verification import verification_curve
from pixwise.tasks.identify import Identifier

__all__ = ["command"]

_FARS = (0.0, 0.001, 0.01, 0.1)


def _verification(pairs: str, json_: bool, **options: Any) -> int:
    options["limits"] = limits_of(options)
    known = read_pairs(pairs)
    task = load(Identifier, options)

    def asked(pictures: Iterable[Path]) -> Iterator[Any]:
        pictures = list(pictures)
        return Progress(len(pictures)).over(task.stream(pictures))

    found = measure_pairs(known, asked)
    for line in found.failures:
        say(f"pixwise: {line}")
    curve = verification_curve(found.similarities, found.same)
    facts = {
        "pairs_same": curve.same,
        "pairs_different": curve.different,
        "pairs_left_out": found.left_out,
        "auc": round(curve.auc, 4),
        "eer": round(curve.eer, 4),
        # thresholds are not rounded: one just above a similarity would fall below it
        "best_threshold": {name: curve.best_threshold(name) for name in ("accuracy", "balanced", "equal")},
        "at_far": [
            {"far": far, "tar": round(curve.tar_at_far(far), 4), "threshold": curve.threshold_at_far(far)}
            for far in _FARS
        ],
    }
    if json_:
        print_json({"schema": "pixwise/eval-verification/1", "model": task.card.id, **facts})
    else:
        print_table((), list(_lines(facts)))
    return int(bool(found.failures))


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "pairs", "{pairs_same} of one person, {pairs_different} of two, {pairs_left_out} left out".format(**facts)
    yield "area under the ROC", f"{facts['auc']:.4f}"
    yield "equal error rate", f"{facts['eer']:.4f}"
    for name, threshold in facts["best_threshold"].items():
        yield f"best threshold, {name}", f"{threshold:.3f}"
    for row in facts["at_far"]:
        yield f"at FAR {row['far']:g}", f"{row['tar']:.1%} recognised, threshold {row['threshold']:.3f}"


command = VerbGroup(
    "eval",
    help="Measure how good answers are, by your own truth.",
    subcommand_metavar="VERB …",
    commands=[
        Verb(
            "verification",
            callback=_verification,
            help="How well faces of one person and of two are told apart, and which threshold does best.\n\n"
            "PAIRS is a CSV with the columns a, b (pictures, from its folder on) and same (1 or 0).",
            more=lambda: {"Exit code": CODE_ROWS},
            params=[
                click.Argument(["pairs"], metavar="PAIRS"),
                option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
                *model_options(needs=Identifier.needs),
                *limit_options(),
            ],
        ),
        *VERBS,
    ],
)
