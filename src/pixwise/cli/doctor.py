"""`pixwise doctor`: looks at this machine and says what is well, what may hurt, and what to do.

packages · wheels that exclude each other · providers, each running a real op · threads · memory
model folders and disk · default models · environment · settings of the service
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from pixwise import __version__, telemetry
from pixwise.cli.options import Verb, option
from pixwise.cli.screen import Column, Screen, Table, Text
from pixwise.cli.version import REQUIRED, version_of
from pixwise.errors import PixwiseError

__all__ = ["Finding", "command", "examine"]

_MODULES = {"pillow": "PIL", "opencv-python-headless": "cv2"}  # package → what is imported, where the names differ
_EXTRAS = {"pillow-heif": "HEIC pictures: pip install 'pixwise[heic]'"}
_USED_PROVIDERS = ("CPUExecutionProvider", "CUDAExecutionProvider")
_LEAST_FREE = 2**28  # bytes; the default models of all tasks take 56 MB
_LEAST_MEMORY = 2**30
_VARIABLES = (
    "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_HUB_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT",
    "HF_TOKEN", "HF_ENDPOINT", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
    "NO_COLOR", "OMP_NUM_THREADS",
    "PIXWISE_HOME", "PIXWISE_THREADS", "PIXWISE_POOL_BYTES", "PIXWISE_FETCH_TIMEOUT", "PIXWISE_FONT", "PIXWISE_DEBUG",
    "PIXWISE_CONFIG", "PIXWISE_URL", "PIXWISE_KEY", "ORT_DISABLE_TELEMETRY",
    "PIXWISE_ASSETS", "PIXWISE_NO_SKIPS",  # of the tests
)  # fmt: skip
_KUBERNETES = re.compile(r"PIXWISE_(SERVICE_(HOST|PORT)\w*|PORT_\d+_\w+)")
_SECRET = ("HF_TOKEN", "HTTPS_PROXY", "PIXWISE_KEY")  # a proxy's address may hold a password


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: heading it stands under.
        what: the thing.
        status: `ok`, `warning` (works, may hurt) or `problem` (does not work).
        found: what is there.
        advice: what to do; empty when ok.
    """

    area: str
    what: str
    status: str
    found: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything; a look that itself fails is a problem, and the next one follows."""
    for area, look in _LOOKS.items():
        try:
            yield from look(area)
        except PixwiseError as error:
            yield Finding(area, "check", "problem", *_halves(str(error)))
        except Exception as error:  # a broken installation may raise anything; telling so is what this verb is for
            yield Finding(
                area, "check", "problem", f"{type(error).__name__}: {error}", "reinstall: pip install pixwise"
            )


def _halves(message: str) -> tuple[str, str]:
    """What was found, and what to do, of an error in our form."""
    found, _, advice = message.partition("; ")
    return found, advice


def packages(area: str) -> Iterator[Finding]:
    """Versions, and that each can be imported."""
    python = platform.python_version()
    yield Finding(area, "pixwise", "ok", f"{__version__}, Python {python}, {platform.platform(terse=True)}")
    for name in REQUIRED:
        version = version_of(name)
        error = _import_error(_MODULES.get(name, name))
        if error:
            yield Finding(area, name, "problem", f"{version or 'not installed'}: {error}", f"run: pip install {name}")
        else:
            yield Finding(area, name, "ok", version or "version unknown")
    for name, use in _EXTRAS.items():
        yield Finding(area, name, "ok", version_of(name) or f"not installed, optional, for {use}")


def _import_error(module: str) -> str:
    telemetry.turn_off()
    try:
        importlib.import_module(module)
    except Exception as error:  # a wheel for another machine raises what it likes
        return f"{type(error).__name__}: {error}"
    return ""


def exclusive_wheels(area: str) -> Iterator[Finding]:
    """Packages that bring the same module: whichever was installed last has overwritten half of the other."""
    for module, start, keep in (
        ("onnxruntime", "onnxruntime", "onnxruntime"),
        ("cv2", "opencv-", "opencv-python-headless"),
    ):
        owners = sorted({name for name in metadata.packages_distributions().get(module, []) if name.startswith(start)})
        if len(owners) > 1:
            advice = f"run: pip uninstall {' '.join(owners)}, then pip install {keep} (or the one you want)"
            yield Finding(area, f"one {module}", "problem", " and ".join(owners), advice)
        else:
            yield Finding(area, f"one {module}", "ok", owners[0] if owners else "none")


def providers(area: str) -> Iterator[Finding]:
    """Each provider of onnxruntime that we use runs a real op."""
    from pixwise.session import installed_providers, probe_provider

    installed = installed_providers()
    for name in _USED_PROVIDERS:
        if name not in installed:
            yield Finding(area, name, "ok", "not in this onnxruntime (pip install onnxruntime-gpu instead, for NVIDIA)")
            continue
        try:
            yield Finding(area, name, "ok", probe_provider(name))
        except PixwiseError as error:
            yield Finding(area, name, "problem", *_halves(str(error)))
    for name in sorted(set(installed) - set(_USED_PROVIDERS)):
        yield Finding(area, name, "ok", "there, not used by Pixwise")


def threads(area: str) -> Iterator[Finding]:
    """Cores, what of them this process may use, and what a session will take."""
    from pixwise.cores import available_threads, cgroup_quota

    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cgroup_quota()
    granted = f"{quota:g} cores" if quota else "no limit"
    yield Finding(
        area, "cores", "ok", f"{os.cpu_count()} in the machine, {affinity} for this process, cgroup: {granted}"
    )
    yield Finding(area, "threads", "ok", f"{available_threads()} per session")


def memory(area: str) -> Iterator[Finding]:
    """Memory of the machine and of the cgroup."""
    limit, free = _cgroup_memory(), _free_memory()
    found = f"{_size(free)} available" + (f", cgroup limit {_size(limit)}" if limit else ", no cgroup limit")
    tight = 0 < min(limit or free, free or limit) < _LEAST_MEMORY
    advice = "reading text alone takes up to 600 MB; raise the limit, or ask one task at a time" if tight else ""
    yield Finding(area, "memory", "warning" if tight else "ok", found, advice)


def _cgroup_memory(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process's cgroup and those above it grant; 0 when there is no limit."""
    from pixwise.cores import cgroup_folders

    granted = []
    for folder in cgroup_folders("memory", root, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError):
                text = (folder / name).read_text().strip()
                granted += [int(text)] if text.isdecimal() and int(text) < 2**60 else []
    return min(granted, default=0)


def _free_memory(meminfo: Path = Path("/proc/meminfo")) -> int:
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


def folders(area: str) -> Iterator[Finding]:
    """Where models are kept: writable, and with room."""
    from pixwise.fetching.shelf import home, hub_cache

    for what, folder in (("hub cache", hub_cache()), ("own cache", home())):
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(there).free
        found = f"{folder}, {_size(free)} free" + ("" if there == folder else ", not made yet")
        if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
            advice = "models here can be used, none can be fetched; set HF_HOME or PIXWISE_HOME to a folder of your own"
            yield Finding(area, what, "warning", f"{found}, read-only", advice)
        elif free < _LEAST_FREE:
            yield Finding(area, what, "warning", found, "free some room before fetching, or set HF_HOME elsewhere")
        else:
            yield Finding(area, what, "ok", found)


def models(area: str) -> Iterator[Finding]:
    """The default model of each task."""
    from pixwise import registry
    from pixwise.fetching import shelf
    from pixwise.task_table import TASKS

    for task in TASKS:
        fetched, builtin = registry.default_card(task, "onnx"), registry.default_card(task, "builtin")
        card = fetched or builtin
        if card is None:
            yield Finding(area, task, "problem", "no default model", "reinstall: pip install pixwise")
            continue
        status = shelf.state(card)
        if status in ("built in", "ready"):
            yield Finding(area, task, "ok", f"{card.id}, {status}")
        elif status == "damaged":
            yield Finding(area, task, "problem", f"{card.id}, damaged", f"run: pixwise models pull {card.id} --force")
        else:
            instead = f"; until then `analyze` uses {builtin.id}" if builtin else ""
            yield Finding(area, task, "warning", f"{card.id}, not here{instead}", f"run: pixwise models pull {card.id}")


def environment(area: str) -> Iterator[Finding]:
    """Variables that change what Pixwise does; a token or a proxy's password is not shown."""
    known = [name for name in _VARIABLES if os.environ.get(name)]
    for name in known:
        yield Finding(area, name, "ok", "set" if name in _SECRET else os.environ[name])
    others = sorted(name for name in os.environ if name.startswith("PIXWISE_") and name not in _VARIABLES)
    settings = _settings_names()
    for name in others:
        if name in settings:
            yield Finding(area, name, "ok", "set" if name.endswith("_KEYS") else os.environ[name])
        elif _KUBERNETES.fullmatch(name):
            advice = "put enableServiceLinks: false into the pod, or name the Service otherwise"
            yield Finding(area, name, "warning", f"{os.environ[name]}, set by Kubernetes for a Service named 'pixwise'",
                          advice)  # fmt: skip
        else:
            yield Finding(area, name, "warning", os.environ[name], "no such variable is read; check its spelling")
    if not known and not others:
        yield Finding(area, "variables", "ok", "none set")


def _settings_names() -> set[str]:
    """Variables of the service; none where its extra is not installed."""
    try:
        from pixwise.serve.settings import Settings
    except ImportError:
        return set()
    return {f"PIXWISE_{name}".upper() for name in Settings.model_fields}


def service(area: str) -> Iterator[Finding]:
    """Whether `pixwise serve` would start with the environment as it is."""
    try:
        from pixwise.serve.settings import load_settings
    except ImportError as error:
        yield Finding(
            area, "settings", "ok", f"no {error.name}, optional, for pixwise serve: pip install 'pixwise[serve]'"
        )
        return
    try:
        settings = load_settings()
    except PixwiseError as error:
        yield Finding(area, "settings", "problem", str(error), "pixwise serve will not start; mend these")
        return
    yield Finding(area, "settings", "ok", f"would listen on {settings.host}:{settings.port}")


_LOOKS: dict[str, Callable[[str], Iterator[Finding]]] = {
    "Packages": packages,
    "Wheels": exclusive_wheels,
    "Providers": providers,
    "Threads": threads,
    "Memory": memory,
    "Model folders": folders,
    "Default models": models,
    "Environment": environment,
    "Service": service,
}
_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("problem", "bold red")}


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _print(json_: bool) -> int:
    findings = list(examine())
    bad = [finding for finding in findings if finding.status == "problem"]
    if json_:
        document: dict[str, Any] = {
            "schema": "pixwise/doctor/1",
            "ok": not bad,
            "findings": [asdict(each) for each in findings],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(_as_table(findings), nl=False)
    return 1 if bad else 0


def _as_table(findings: list[Finding]) -> str:
    lines: list[str | Text | Table] = []
    for area in dict.fromkeys(finding.area for finding in findings):
        grid = Table([Column(width=7), Column(width=22)])
        for each in (finding for finding in findings if finding.area == area):
            mark, style = _MARKS[each.status]
            grid.add(Text((mark, style)), each.what, each.found)
            if each.advice:
                grid.add("", "", Text((f"→ {each.advice}", style)))
        lines += [Text((area, "bold")), grid]
    counts = {status: sum(finding.status == status for finding in findings) for status in _MARKS}
    return Screen().text(*lines, "", f"{counts['ok']} ok, warnings: {counts['warning']}, problems: {counts['problem']}")


command = Verb(
    "doctor",
    callback=_print,
    help="Check this machine: packages, providers, threads, memory, folders, models, environment.\n\n"
    "Each line is ok, a warning (works, may hurt) or a problem (does not work), with what to do.",
    more=lambda: {"Exit code": [("0", "No problem."), ("1", "A problem; the lines say what to do.")]},
    params=[option("Output", "--json", "json_", is_flag=True, help="One JSON document.")],
)
