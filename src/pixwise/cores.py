"""How many CPU cores this process is granted: by its affinity, and by the quota of its cgroup."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pixwise.errors import OptionError

__all__ = ["available_threads", "cgroup_folders", "cgroup_quota"]

_LOG = logging.getLogger("pixwise")


def available_threads(asked: int = 0) -> int:
    """CPU threads for one session: as asked, else PIXWISE_THREADS, else all; never more than cores are granted.

    Granted are the cores of the affinity, within the quota of the cgroup. More threads would take turns on them and
    spin while they wait for one another: 99 on two cores made OCR 14 times slower.
    """
    told = os.environ.get("PIXWISE_THREADS", "")
    if told and not asked:
        if not told.isdecimal() or int(told) < 1:
            raise OptionError(f"PIXWISE_THREADS must be a positive number, got {told!r}; unset it to use all cores")
        asked = int(told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = max(1, min(cores, int(cgroup_quota() or cores)))
    if asked > granted:
        _LOG.debug("%d threads were asked for, %d cores are granted: taking %d", asked, granted, granted)
    return min(asked or granted, granted)


def cgroup_quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float:
    """Cores granted by this process's cgroup and those above it (v2 `cpu.max`, v1 `cpu.cfs_*`); 0 is no limit."""
    granted = [cores for folder in cgroup_folders("cpu", root, own) if (cores := _quota_of(folder))]
    return max(1.0, min(granted)) if granted else 0.0


def cgroup_folders(controller: str, root: Path, own: Path) -> Iterator[Path]:
    """Where limits of this process stand: a container sees its own at the root, a service of the system further down.

    Args:
        controller: `cpu` or `memory`.
        root: where the cgroups are mounted.
        own: which one this process is in: lines of `number:controllers:path`, no controllers for v2.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    told = [line.split(":", 2)[1:] for line in lines if line.count(":") >= 2]
    for controllers, path in (("", "/"), (controller, "/"), *told):
        if controllers == "" or controller in controllers.split(","):
            below = PurePosixPath(path.lstrip("/"))
            yield from ((root / controller if controllers else root) / place for place in (below, *below.parents))


def _quota_of(folder: Path) -> float:
    """Cores that one cgroup grants; 0 when it says nothing."""
    for quota_file, period_file in (("cpu.max", ""), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            words = (folder / quota_file).read_text().split()
            period = words[1] if not period_file else (folder / period_file).read_text()
            quota = -1.0 if words[0] == "max" else float(words[0])
            return max(0.0, quota / float(period))
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue
    return 0.0
