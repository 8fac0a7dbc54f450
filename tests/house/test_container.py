"""What the Dockerfile and compose.yaml promise, read from them; no engine is needed."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")
LINES = [line for line in re.sub(r"\\\n\s*", " ", TEXT).splitlines() if line and not line.startswith("#")]
STAGES = {line.split()[-1]: line.split()[1] for line in LINES if line.startswith("FROM")}
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")


def said(word):
    return [line.removeprefix(word).strip() for line in LINES if line.startswith(f"{word} ")]


def test_both_targets_run_what_the_stage_before_them_says():
    assert (STAGES["cpu"], STAGES["gpu"], list(STAGES)[-1]) == ("run", "run", "cpu")


def test_it_runs_as_a_user_without_rights_whose_number_can_be_seen():
    assert said("USER") == ["10001:10001"]


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_signals_reach_the_service_itself(word):
    assert all(isinstance(json.loads(command), list) for command in said(word))


def test_the_health_check_needs_no_tool_of_others():
    (check,) = said("HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["pixwise", "serve", "--probe"]
    assert not re.search(r"\b(curl|wget|apt-get|sudo)\b", " ".join(LINES))


def test_what_is_copied_is_let_through_by_the_dockerignore():
    passed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in said("COPY") if not line.startswith("--from") for word in line.split()[:-1]}
    assert copied == passed
    assert all((ROOT / name).exists() for name in copied)


def test_all_that_is_written_goes_to_the_volume():
    homes = dict(pair.split("=", 1) for line in said("ENV") for pair in line.split() if "=" in pair)
    assert {homes[name].split("/")[1] for name in ("HOME", "HF_HOME", "PIXWISE_HOME")} == {"cache"}
    assert (said("VOLUME"), homes["ORT_DISABLE_TELEMETRY"]) == (["/cache"], "1")


def test_no_option_of_pip_is_left_out_of_the_extras():
    extras = re.search(r"^ARG EXTRAS=(.*)$", TEXT, re.M)[1].split(",")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(f"\n{extra} = [" in project for extra in extras)


@pytest.mark.parametrize("line", ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "tmpfs:",
                                  "stop_grace_period: 40s", '"127.0.0.1:8000:8000"'])  # fmt: skip
def test_compose_takes_away_what_it_does_not_need(line):
    assert line in COMPOSE
