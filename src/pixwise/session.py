"""Sessions: names in, names out. The only file that imports onnxruntime.

    feeds {name: (B, ...)} ─▶ run(feeds, part="model") ─▶ {name: (B, ...)}

`OnnxSession` runs model files, `FakeSession` answers as a test tells it to; the sessions of `engines/` run what needs
no files. One session serves many threads.
"""

from __future__ import annotations

import logging
import re
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pixwise import telemetry
from pixwise.cores import available_threads
from pixwise.errors import ModelFileError, OptionError, SetupError, ShapeError

__all__ = [
    "FakeSession",
    "JoinedSession",
    "OnnxSession",
    "Session",
    "Tensor",
    "check_machine",
    "choose_providers",
    "installed_providers",
    "probe_provider",
]

Arrays = Mapping[str, np.ndarray]
Answer = Arrays | Callable[[Arrays], Arrays]
_DEVICES = ("auto", "cpu", "cuda")
_LOG = logging.getLogger("pixwise")
_CREATION = threading.Lock()  # creating two sessions at once makes onnxruntime's thread pools fight
_SILENT = 4  # of onnxruntime's levels: what goes wrong is said once, in our error


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model; -1 is a length that may vary."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Session(Protocol):
    """What a task needs from whatever runs its model."""

    device: str
    bytes: int
    files: Mapping[str, Path]  # parts that are read by others, such as the tokenizer

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        """The inputs of a part; empty when anything goes."""
        ...

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        """Run one part. The first axis of every array, in and out, is the batch."""
        ...

    def of(self, part: str) -> Session:
        """The session that runs this part: itself, unless it is joined from several."""
        ...


def _onnxruntime() -> Any:
    telemetry.turn_off()
    try:
        import onnxruntime
    except ImportError as error:
        raise SetupError("models need onnxruntime, got no such package; run: pip install onnxruntime") from error
    return onnxruntime


def check_machine(device: str, threads: int = 0) -> None:
    """Raise `OptionError` for a name that is no device, or threads that are no number from 0 up."""
    if device not in _DEVICES:
        raise OptionError(f"device must be one of {', '.join(_DEVICES)}, got {device!r}; auto takes CUDA where it is")
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 0:
        raise OptionError(
            f"threads must be a whole number from 0 up, got {threads!r}; 0 takes all that the process may use"
        )


def choose_providers(device: str) -> list[str]:
    """Execution providers for a device name, best first.

    Args:
        device: `cpu`, `cuda`, or `auto`, which takes CUDA where it is.

    Raises:
        OptionError: another name.
        SetupError: CUDA was asked for and this onnxruntime has none.
    """
    check_machine(device)
    if device == "cpu":
        return ["CPUExecutionProvider"]
    has_cuda = "CUDAExecutionProvider" in _onnxruntime().get_available_providers()
    if device == "cuda" and not has_cuda:
        raise SetupError(
            "device cuda needs onnxruntime with CUDA, got one without; "
            "run: pip uninstall onnxruntime && pip install onnxruntime-gpu, or use --device cpu"
        )
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if has_cuda else ["CPUExecutionProvider"]


def installed_providers() -> list[str]:
    """Execution providers that this onnxruntime was built with, which does not mean that they run here."""
    return _onnxruntime().get_available_providers()


def probe_provider(name: str) -> str:
    """Run a matrix product on a provider, without its silent way out to the CPU.

    Returns:
        What was run and how long it took.

    Raises:
        SetupError: the provider does not run on this machine, or computes something else.
    """
    ort = _onnxruntime()
    if name not in ort.get_available_providers():
        raise SetupError(f"{name} must be in this onnxruntime, got one built without it; install another build")
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = 1
    if name != "CPUExecutionProvider":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    square = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) / 4096  # (64, 64)
    try:
        with _CREATION:
            session = ort.InferenceSession(_square_model(64), options, providers=[name])
        session.run(None, {"x": square})  # the first run warms up
        started = time.perf_counter()
        answer = session.run(None, {"x": square})[0]
        spent = 1e3 * (time.perf_counter() - started)
    except Exception as error:  # onnxruntime's own types
        raise SetupError(f"{name} must run a matrix product, got {_said(error)}; see its installation") from error
    if name not in session.get_providers() or not np.allclose(answer, square @ square, rtol=1e-2):
        raise SetupError(f"{name} must run a matrix product, got another provider or a wrong product; reinstall it")
    return f"64 x 64 product right, in {spent:.2f} ms"


def _square_model(side: int) -> bytes:
    """An ONNX model that squares a (side, side) float matrix, written as protobuf by hand: `onnx` is no dependency."""

    def field(number: int, content: bytes | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3, content])
        return bytes([number << 3 | 2]) + _varint(len(content)) + content

    dim = field(1, field(1, side))
    tensor = field(1, field(1, 1) + field(2, dim + dim))  # TypeProto.Tensor: float, its shape
    value = {name: field(1, name) + field(2, tensor) for name in (b"x", b"y")}
    node = field(1, b"x") + field(1, b"x") + field(2, b"y") + field(4, b"MatMul")
    graph = field(1, node) + field(2, b"probe") + field(11, value[b"x"]) + field(12, value[b"y"])
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 17))  # IR version 8, opset 17


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


class OnnxSession:
    """ONNX files run by onnxruntime.

    Attributes:
        device: `cpu` or `cuda`, as onnxruntime reports it, not as it was asked.
        bytes: size of the files, for budgets.
    """

    def __init__(self, parts: Mapping[str, Path], sessions: Mapping[str, Any], device: str):
        self.device = device
        self.bytes = sum(_bytes_with_siblings(path) for path in parts.values())
        self.files = {part: path for part, path in parts.items() if part not in sessions}
        self._sessions = dict(sessions)
        self._inputs = {part: tuple(map(_tensor, session.get_inputs())) for part, session in sessions.items()}
        self._outputs = {part: [output.name for output in session.get_outputs()] for part, session in sessions.items()}

    @classmethod
    def load(
        cls, parts: Mapping[str, Path], *, device: str = "auto", threads: int = 0, arena: bool = True
    ) -> OnnxSession:
        """Open the files of a model.

        Args:
            parts: part name → ONNX file (.onnx, or .int8 as `quantize.py` names them); others are kept in `files`.
            device: see `choose_providers`.
            threads: per session, at most what the process may use; 0 is all of it.
            arena: keep the memory of a run for the next one. Quicker, but it is never given back, and grows with every
                new shape: off for models whose inputs are of another size each time.

        Raises:
            ModelFileError: a file is damaged.
            SetupError: onnxruntime or the device is missing.
        """
        ort = _onnxruntime()
        providers = choose_providers(device)
        options = ort.SessionOptions()
        options.intra_op_num_threads = available_threads(threads)
        options.log_severity_level = _SILENT
        options.enable_cpu_mem_arena = arena
        # Worker threads spin for 30-50 ms after run() and slow the next session up to 2x; stopping them costs nothing.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        sessions = {}
        for part, path in parts.items():
            if path.suffix.lower() not in (".onnx", ".int8"):
                continue
            with _CREATION:
                sessions[part] = _create(ort, path, options, providers)
        used = {provider for session in sessions.values() for provider in session.get_providers()}
        actual = "cuda" if "CUDAExecutionProvider" in used else "cpu"
        if device == "cuda" and actual != "cuda" and sessions:
            raise SetupError("device cuda was asked for, got a session that runs on the CPU; run: pixwise doctor")
        if actual == "cpu" and "CUDAExecutionProvider" in providers and sessions:
            _LOG.warning("CUDA is installed but did not start; this model runs on the CPU (pixwise doctor says more)")
        return cls(parts, sessions, actual)

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return self._inputs[part]

    def of(self, part: str) -> OnnxSession:
        return self

    def opened(self, part: str = "model") -> Any:
        """The onnxruntime session of a part, for a library that wants to run it by itself."""
        return self._sessions[part]

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        wanted = self._inputs[part]
        missing = {tensor.name for tensor in wanted} - set(feeds)
        if missing or len(feeds) != len(wanted):
            names = ", ".join(tensor.name for tensor in wanted)
            raise ShapeError(f"feeds must be named {names}, got {', '.join(feeds)}; mend the card's input name")
        batch = len(next(iter(feeds.values())))
        fixed = wanted[0].shape[0] if wanted[0].shape else -1
        if fixed in (-1, batch):
            return self._run_once(feeds, part)
        return self._run_in_steps(feeds, part, batch, fixed)

    def _run_once(self, feeds: Arrays, part: str) -> dict[str, np.ndarray]:
        ort = _onnxruntime()
        errors = ort.capi.onnxruntime_pybind11_state
        options = ort.RunOptions()
        options.log_severity_level = _SILENT
        try:
            values = self._sessions[part].run(None, dict(feeds), options)
        except (errors.InvalidArgument, errors.RuntimeException, errors.Fail) as error:
            shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feeds.items())
            wants = ", ".join(f"{tensor.name} {tensor.dtype}{list(tensor.shape)}" for tensor in self._inputs[part])
            raise ShapeError(f"model must take {wants}, got {shapes}: {_said(error)}; compare with its card") from error
        return dict(zip(self._outputs[part], values, strict=True))

    def _run_in_steps(self, feeds: Arrays, part: str, batch: int, fixed: int) -> dict[str, np.ndarray]:
        """A model with a fixed batch takes the rows in steps; the last step is filled up with its own last row."""
        steps = []
        for start in range(0, batch, fixed):
            rows = np.minimum(np.arange(start, start + fixed), batch - 1)
            steps.append(self._run_once({name: array[rows] for name, array in feeds.items()}, part))
        return {name: np.concatenate([step[name] for step in steps])[:batch] for name in steps[0]}


def _create(ort: Any, path: Path, options: Any, providers: list[str]) -> Any:
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises a dozen types of its own, none with a common parent
        raise ModelFileError(
            f"{path}: expected an ONNX model that onnxruntime {ort.__version__} can open, got {_said(error)}; "
            "fetch it again (pixwise models pull --force) or export it anew"
        ) from error


def _tensor(info: Any) -> Tensor:
    shape = tuple(length if isinstance(length, int) and length > 0 else -1 for length in info.shape)
    return Tensor(info.name, shape, info.type.removeprefix("tensor(").removesuffix(")"))


def _bytes_with_siblings(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, path.with_name(path.name + "_data")) if file.exists())


# "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : ", and "/src/math/ops.h:540 void onnxruntime::Append(long, long) "
_NOISE = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : |"
    r"\S+\.(?:cc|cpp|cu|cuh|h):\d+ (?:[^()]*\([^()]*\)(?: const)? )?"
)


def _said(error: BaseException) -> str:
    """What onnxruntime says, in one line, without its codes and the places in its source."""
    return textwrap.shorten(_NOISE.sub("", str(error)).rstrip(". \n") or type(error).__name__, 300, placeholder=" …")


class JoinedSession:
    """Sessions of single parts as one, so that models which share a part load it once.

    Args:
        sessions: part name → the session that has it.
    """

    def __init__(self, sessions: Mapping[str, Session]):
        self._sessions = dict(sessions)
        self.device = next((each.device for each in self._sessions.values() if not each.files), "cpu")
        self.files = {part: path for each in self._sessions.values() for part, path in each.files.items()}

    @property
    def bytes(self) -> int:
        return sum(session.bytes for session in self._sessions.values())

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return self._sessions[part].inputs(part)

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        return self._sessions[part].run(feeds, part)

    def of(self, part: str) -> Session:
        return self._sessions[part].of(part)


class FakeSession:
    """A session for tests: answers with given arrays and remembers what it was fed.

    Args:
        answer: {name: (B, ...)} arrays, of which the first rows are given, repeated as needed; or a function of feeds.
        inputs: what `inputs()` tells, of other parts nothing; or a table: part → its inputs.
        files: part → path.
        parts: other parts: name → answer, as above.
    """

    device = "fake"
    bytes = 0

    def __init__(
        self,
        answer: Answer,
        inputs: tuple[Tensor, ...] | Mapping[str, tuple[Tensor, ...]] = (),
        *,
        files: Mapping[str, Path] | None = None,
        parts: Mapping[str, Answer] | None = None,
    ):
        self.answer, self.files, self.parts = answer, dict(files or {}), dict(parts or {})
        self._inputs = inputs
        self.fed: list[dict[str, np.ndarray]] = []

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        if isinstance(self._inputs, Mapping):
            return self._inputs.get(part, ())
        return () if part in self.parts else self._inputs

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        self.fed.append(dict(feeds))
        answer = self.parts.get(part, self.answer)
        if callable(answer):
            return dict(answer(feeds))
        rows = np.arange(len(next(iter(feeds.values()))))
        return {name: array[rows % len(array)] for name, array in answer.items()}

    def of(self, part: str) -> FakeSession:
        return self
