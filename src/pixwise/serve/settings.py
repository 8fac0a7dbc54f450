"""What an operator sets: argument > environment (PIXWISE_*) > TOML file > default; checked before anything starts."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pixwise.errors import OptionError, nearest
from pixwise.reading.sources import Limits
from pixwise.serve.checking import missing
from pixwise.session import check_machine
from pixwise.task_table import TASKS

__all__ = ["NAME_OF_KEY", "SCOPES", "Key", "Settings", "load_settings", "unknown_names"]

SCOPES = ("ask", "jobs", "models", "metrics")  # what a key may be for
NAME_OF_KEY = r"[A-Za-z0-9_.-]{1,64}"
_OTHERS = (  # names of ours that are not the service's
    *("PIXWISE_ASSETS", "PIXWISE_CONFIG", "PIXWISE_DEBUG", "PIXWISE_FETCH_TIMEOUT", "PIXWISE_FONT", "PIXWISE_HOME"),
    *("PIXWISE_KEY", "PIXWISE_NO_SKIPS", "PIXWISE_POOL_BYTES", "PIXWISE_THREADS", "PIXWISE_URL"),
)
_MIB = 2**20


class Key(BaseModel):
    """An API key, of which only the hash is kept.

    Attributes:
        name: who it is, in logs.
        sha256: of the key, 64 hex digits (`pixwise serve --new-key NAME` makes both).
        scopes: what it is for: ask (pictures and models' names), jobs, models, metrics.
        rate: requests per minute; 0 is what the setting `rate` says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=f"^{NAME_OF_KEY}$")
    sha256: SecretStr
    scopes: tuple[str, ...] = ("ask", "jobs")
    rate: int = Field(0, ge=0)

    @field_validator("sha256")
    @classmethod
    def _is_hash(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[0-9a-f]{64}", value.get_secret_value()):
            raise ValueError("must be 64 hex digits, not the key itself; run: pixwise serve --new-key NAME")
        return value

    @field_validator("scopes")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for scope in value:
            if scope not in SCOPES:
                raise ValueError(f"scope must be known, got {scope!r}; {nearest(scope, SCOPES)}")
        return value


class Settings(BaseSettings):
    """Settings of the service. Each is also PIXWISE_<NAME>, and a key of the TOML file.

    Attributes:
        host, port: where it listens.
        workers: processes; each has its own models.
        device: `auto`, `cpu` or `cuda`.
        require_gpu: do not start without one.
        threads: of one run, 0 for all cores; with fewer, as many runs of a model go on at once as there are cores.
        built_in: take only models that need no download.
        fetch: fetch models that are asked for and are not on this machine.
        preload: tasks, or `task:model`, that are loaded before it is ready, and stay.
        models: task, or operation of the compatible API → the model that answers when none is named.
        own_models: name → folder in Hugging Face form, or ONNX file with a card.
        allowed_models: the only models that may be asked for; empty for all that are not excluded by their licence.
        accept_licence: ids of models whose non-commercial licence is accepted.
        galleries: name → gallery file, for `identify`.
        policies: name → policy file, for `moderate`.
        collections: folder of collections; empty for that of the command line.
        pool_bytes: of model files to keep loaded.
        model_ttl_s: drop a model that nobody used for so long; 0 never.
        max_body_bytes: of a request.
        max_pixels, max_side, max_frames: of a picture.
        open_pixels: of all pictures that are worked on together.
        open_bytes: of all bodies that are worked on together, half of them of one caller; at least two whole bodies.
        deadline_s: for one request.
        concurrency: requests that are worked on together; 0 is 16, or four for each core.
        queue: requests that may wait.
        queue_per_caller: of one caller; 0 is half of `queue`.
        max_batch: pictures in one run, where the model's card allows it; 0 is 4 on the CPU and the card's on a GPU.
        max_batch_pixels: of a run.
        max_wait_ms: how long the first of a batch waits for others that are on the way.
        max_pictures: pictures in one request of /v1/analyze and /v1/embeddings.
        max_texts: texts in one request of /v1/embeddings.
        jobs: long jobs that are kept, done ones too.
        job_pictures: pictures in one job.
        jobs_bytes: of all pictures of jobs that wait.
        jobs_folder: where jobs lie, so that all workers find them and none is lost; empty for one in PIXWISE_HOME.
        job_ttl_s: how long the answer of a job is kept.
        keys: API keys; none lets everybody in, which is refused on a public address unless `open` is set.
        open: serve everybody on a public address.
        trusted_proxies: addresses of gateways whose X-Forwarded-For tells who asks; none trusts nobody's.
        rate: requests per minute of one caller; 0 is no limit.
        allowed_hosts: names by which it may be called, `*.example.com` and `*` too; on 127.0.0.1 also localhost. On
            a public address none means all.
        cors_origins: web sites whose pages may ask, as https://example.com.
        allow_urls: fetch addresses that requests name, in the v1 API.
        compatible_urls: fetch the `image_url` of the compatible API.
        compatible: serve the compatible API.
        fetch_timeout_s: for one address.
        ui: serve the page at /ui.
        docs: serve the description at /docs and /openapi.json.
        metrics: serve /metrics.
        log: `json`, `text` or `none`: a line per request.
        max_connections: of one process; above, the idlest is closed.
        head_timeout_s: for the head of a request.
        body_timeout_s: between two pieces of a body.
        drain_s: how long it still takes requests after it was told to stop.
        grace_s: how long it then waits for what it took on.
        stuck_s: how late a request may be before /readyz says no.
    """

    model_config = SettingsConfigDict(env_prefix="PIXWISE_", extra="forbid", frozen=True, validate_default=True,
                                      enable_decoding=False)  # fmt: skip

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    workers: int = Field(1, ge=1, le=256)
    device: str = "auto"
    require_gpu: bool = False
    threads: int = Field(0, ge=0)
    built_in: bool = False
    fetch: bool = False
    preload: tuple[str, ...] = ()
    models: dict[str, str] = {}
    own_models: dict[str, str] = {}
    allowed_models: tuple[str, ...] = ()
    accept_licence: tuple[str, ...] = ()
    galleries: dict[str, str] = {}
    policies: dict[str, str] = {}
    collections: str = ""
    pool_bytes: int = Field(4 * 2**30, ge=0)
    model_ttl_s: float = Field(0.0, ge=0)
    max_body_bytes: int = Field(32 * _MIB, ge=1024)
    max_pixels: int = Field(50_000_000, ge=1)
    max_side: int = Field(30_000, ge=1)
    max_frames: int = Field(10_000, ge=1)
    open_pixels: int = Field(150_000_000, ge=1)
    open_bytes: int = Field(256 * _MIB, ge=1)
    deadline_s: float = Field(60.0, gt=0)
    concurrency: int = Field(0, ge=0, le=1024)
    queue: int = Field(256, ge=1)
    queue_per_caller: int = Field(0, ge=0)
    max_batch: int = Field(0, ge=0, le=4096)
    max_batch_pixels: int = Field(8 * _MIB, ge=1)
    max_wait_ms: float = Field(5.0, ge=0, le=1000)
    max_pictures: int = Field(64, ge=1, le=10_000)
    max_texts: int = Field(2048, ge=1)
    jobs: int = Field(1000, ge=1)
    job_pictures: int = Field(1000, ge=1)
    jobs_bytes: int = Field(2 * 2**30, ge=1)
    jobs_folder: str = ""
    job_ttl_s: float = Field(3600.0, gt=0)
    keys: tuple[Key, ...] = ()
    open: bool = False
    trusted_proxies: tuple[str, ...] = ()
    rate: int = Field(0, ge=0)
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    allow_urls: bool = False
    compatible_urls: bool = False
    compatible: bool = True
    fetch_timeout_s: float = Field(15.0, gt=0)
    ui: bool = True
    docs: bool = True
    metrics: bool = True
    log: Literal["json", "text", "none"] = "json"
    max_connections: int = Field(1000, ge=8)
    head_timeout_s: float = Field(10.0, gt=0)
    body_timeout_s: float = Field(20.0, gt=0)
    drain_s: float = Field(1.0, ge=0)
    grace_s: float = Field(30.0, ge=0)
    stuck_s: float = Field(30.0, gt=0)

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Any, env_settings: Any, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment; `load_settings` puts the file below both."""
        return init_settings, env_settings

    @field_validator("*", mode="before")
    @classmethod
    def _of_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Lists and tables come from the environment as JSON; a list of words may be `a,b`."""
        hint = cls.model_fields[info.field_name].annotation
        if not isinstance(value, str) or typing.get_origin(hint) not in (tuple, dict):
            return value
        words = typing.get_args(hint)[0] is str and typing.get_origin(hint) is tuple
        try:
            return json.loads(value)
        except ValueError:
            if words and value[:1] not in ("[", "{"):
                return tuple(word.strip() for word in value.split(",") if word.strip())
        got = "something else" if info.field_name == "keys" else repr(value)
        form = '["a", "b"], or a,b' if words else "[{…}, {…}]" if info.field_name == "keys" else '{"name": "value"}'
        raise ValueError(f"{info.field_name} must be JSON, got {got}; write {form}")

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        check_machine(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for site in value:
            if site != "*" and not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#@\s]+", site):
                raise ValueError(f"site must be scheme://host[:port] or *, got {site!r}; leave path and slash out")
        return value

    @field_validator("keys")
    @classmethod
    def _are_of_one_each(cls, value: tuple[Key, ...]) -> tuple[Key, ...]:
        names = [key.name for key in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"name of a key must be its own, got {name!r} twice; rename one")
        return value

    @field_validator("preload")
    @classmethod
    def _are_tasks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            task = name.partition(":")[0]
            if task not in TASKS:
                raise ValueError(f"task must be known, got {task!r}; {nearest(task, TASKS)}")
        return value

    @model_validator(mode="after")
    def _is_closed(self) -> Settings:
        if self.host not in ("127.0.0.1", "::1", "localhost") and not (self.keys or self.open):
            raise ValueError(
                f"host {self.host!r} lets other machines in, got no keys; run: pixwise serve --new-key NAME, "
                "or set open = true where a gateway in front asks for keys"
            )
        return self

    def limits(self) -> Limits:
        """What a picture may cost."""
        return Limits(
            max_bytes=self.max_body_bytes,
            max_pixels=self.max_pixels,
            max_side=self.max_side,
            max_frames=self.max_frames,
        )

    def origin(self, name: str) -> str:
        """Where a setting comes from: `default`, `file …`, `environment PIXWISE_…` or `argument`."""
        return self._origins.get(name, "default")

    def told(self) -> dict[str, Any]:
        """All settings, as JSON has them; secrets are masked."""
        return self.model_dump(mode="json")

    def handed_over(self) -> str:
        """All settings for another process, secrets too: for its stdin, not for its arguments or its environment."""
        return json.dumps(self.model_dump(), default=lambda value: value.get_secret_value())

    @classmethod
    def taken_over(cls, text: str) -> Settings:
        """The settings that `handed_over` told."""
        return cls(**json.loads(text))


def load_settings(file: str | Path = "", **given: Any) -> Settings:
    """Settings from everywhere.

    Args:
        file: a TOML file; empty takes PIXWISE_CONFIG, or none.
        **given: what was said on the command line; wins.

    Raises:
        OptionError: a setting is misspelt or out of range, or the file cannot be read; all are named at once.
    """
    path = str(file) or os.environ.get("PIXWISE_CONFIG", "")
    table = _read(path) if path else {}
    variables = _variables()
    below = {name: value for name, value in table.items() if name not in variables}
    try:
        settings = Settings(**{**below, **given})
    except ValidationError as error:
        raise OptionError(_told(error, path)) from error
    if wrong := missing(settings):
        raise OptionError(_placed(wrong, path))
    settings._origins |= {name: f"file {path}" for name in below}
    settings._origins |= {name: f"environment {variable}" for name, variable in variables.items()}
    settings._origins |= dict.fromkeys(given, "argument")
    return settings


def _variables() -> dict[str, str]:
    """Setting → the variable of the environment that says what it is."""
    found = {variable.upper(): variable for variable in os.environ}
    names = {name: f"PIXWISE_{name}".upper() for name in Settings.model_fields}
    return {name: found[variable] for name, variable in names.items() if variable in found}


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: expected a settings file, got {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: expected TOML in UTF-8, got {error}; mend the file") from error


def _told(error: ValidationError, path: str) -> str:
    """All faults, each in our form."""
    return _placed([_fault(fault) for fault in error.errors()], path)


def _placed(faults: list[str], path: str) -> str:
    where = f"file {path}, environment PIXWISE_*, arguments" if path else "environment PIXWISE_*, arguments"
    return "; ".join(faults) + f" ({where}); mend them"


def _fault(fault: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    said = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)
    if fault["type"] == "extra_forbidden":
        return f"setting must be known, got {name!r}; {nearest(name, Settings.model_fields)}"
    if fault["type"] == "value_error":
        return said if not name or said.startswith(name) else f"{name}: {said}"
    if name == "port" and str(fault["input"]).startswith("tcp://"):
        return (f"port must be a number, got {fault['input']!r}, which Kubernetes sets for a Service named 'pixwise'; "
                "put enableServiceLinks: false into the pod, or name the Service otherwise")  # fmt: skip
    value = "" if name.startswith("keys") else f", got {fault['input']!r:.80}"
    return f"{name} {said[:1].lower()}{said[1:]}{value}"


def unknown_names() -> dict[str, str]:
    """Names in the environment that look like settings and are none: a misspelt one would be passed over.

    Returns:
        Name → the setting's that it looks like.
    """
    known = {f"PIXWISE_{name}".upper() for name in Settings.model_fields} | set(_OTHERS)
    strange = [name for name in os.environ if name.startswith("PIXWISE_") and name not in known]
    close = {name: difflib.get_close_matches(name, known, 1, 0.8) for name in strange}
    return {name: found[0] for name, found in close.items() if found}
