"""`/docs`: the description as a page to read. Plain HTML: no script, nothing from another host.

openapi() ─▶ a section per tag ─▶ a block per route: what it does, what goes in, what comes out, a line for curl
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

__all__ = ["docs_routes", "page_of"]

Table = Mapping[str, Any]
_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; --ink: #2457a6; }
@media (prefers-color-scheme: dark) { :root { --ink: #8ab4f8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--ink); }
nav a { display: inline-block; margin-right: 1rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .25rem .75rem; }
summary { cursor: pointer; padding: .25rem 0; }
summary b, code, pre { font: .875rem/1.5 ui-monospace, monospace; }
summary b { color: var(--ink); font-weight: 700; }
pre { background: var(--soft); padding: .75rem; border-radius: .5rem; overflow-x: auto; white-space: pre-wrap;
      overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
}


def docs_routes() -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        address = str(request.base_url).rstrip("/")
        return Response(page_of(request.app.openapi(), address), headers=_HEADERS, media_type="text/html")

    return router


def page_of(told: Table, address: str = "http://127.0.0.1:8000") -> str:
    """The page of a description, for who reached the service at this address."""
    told, info = {**told, "servers": [{"url": address}]}, told["info"]
    tags = [*told.get("tags", []), {"name": "", "description": "For clients of another service."}]
    sections = [(tag, list(_of_tag(told, tag["name"]))) for tag in tags]
    sections = [(tag, blocks) for tag, blocks in sections if blocks]
    links = "".join(f'<a href="#{escape(_anchor(tag))}">{escape(_anchor(tag))}</a>' for tag, _ in sections)
    body = "".join(_section(_anchor(tag), tag["description"], blocks) for tag, blocks in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{escape(info['title'])} {escape(info['version'])}: the API</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        f'<nav>{links}<a href="openapi.json">openapi.json</a></nav><main>{body}</main></body></html>'
    )


def _section(name: str, description: str, blocks: list[str]) -> str:
    return f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(description)}</p>{"".join(blocks)}'


def _anchor(tag: Table) -> str:
    return tag["name"] or "compatible"


def _of_tag(told: Table, tag: str) -> Iterator[str]:
    for path, methods in told["paths"].items():
        for method, route in methods.items():
            mine = route.get("tags", [])
            known = {each["name"] for each in told.get("tags", [])}
            if tag in mine or (not tag and not known & set(mine)):
                yield _block(told, path, method, route)


def _block(told: Table, path: str, method: str, route: Table) -> str:
    name = route.get("operationId", f"{method}-{path}")
    curl = _curl(told["servers"][0]["url"] + path, method, route)
    parts = [
        f"<p>{escape(route['description'])}</p>" if route.get("description") else "",
        _parameters(told, route),
        _bodies(told, route),
        _answers(told, route),
        f"<p>With curl:</p><pre>{escape(curl)}</pre>",
    ]
    head = f"<b>{method.upper()} {escape(path)}</b> {escape(route.get('summary', ''))}"
    return f'<details id="{escape(name)}"><summary>{head}</summary>{"".join(parts)}</details>'


def _parameters(told: Table, route: Table) -> str:
    rows = [
        (each["name"], each["in"], each["schema"], each.get("description", "")) for each in route.get("parameters", [])
    ]
    return _table(
        "Parameters", [(f"{name} ({place})", _kind(told, schema), text) for name, place, schema, text in rows]
    )


def _bodies(told: Table, route: Table) -> str:
    blocks = []
    for media_type, content in route.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(told, content.get("schema", {}))
        if schema.get("properties"):
            blocks.append(_table(f"Body, {media_type}", list(_fields(told, schema))))
        else:
            blocks.append(f"<p>Body, {escape(media_type)}: {escape(_kind(told, schema))}</p>")
        if "example" in content:
            blocks.append(f"<pre>{escape(_json(content['example']))}</pre>")
    return "".join(blocks)


def _fields(told: Table, schema: Table, before: str = "") -> Iterator[tuple[str, str, str]]:
    """A row per key, those of objects inside it below it."""
    needed = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        part = _resolved(told, part)
        kind = _kind(told, part) + (", needed" if name in needed and not before else "")
        default = f" [{_json(part['default'])}]" if "default" in part else ""
        yield f"{before}{name}", kind + default, part.get("description", "")
        yield from _fields(told, part, f"{before}{name}.")


def _answers(told: Table, route: Table) -> str:
    rows, examples = [], ""
    for status, answer in route.get("responses", {}).items():
        answer = _resolved(told, answer)
        content = answer.get("content", {})
        rows.append((status, ", ".join(content), answer.get("description", "")))
        example = content.get("application/json", {}).get("example") if status.startswith("2") else None
        examples += f"<p>Answer {escape(status)}:</p><pre>{escape(_json(example))}</pre>" if example is not None else ""
    return _table("Answers", rows) + examples


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope=row><code>{escape(one)}</code></th><td>{escape(two)}</td><td>{escape(three)}</td></tr>"
        for one, two, three in rows
    )
    return f"<p>{escape(title)}:</p><table>{cells}</table>"


def _resolved(told: Table, schema: Table) -> Table:
    """What a reference points at."""
    if "$ref" not in schema:
        return schema
    found: Any = told
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def _kind(told: Table, schema: Table) -> str:
    """The type of a value, in a few words."""
    schema = _resolved(told, schema)
    for joined in ("oneOf", "anyOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(_kind(told, each) for each in schema[joined]))
    if "enum" in schema:
        return " or ".join(map(_json, schema["enum"]))
    if "const" in schema:
        return _json(schema["const"])
    kind = schema.get("type", "anything")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array":
        return f"list of {_kind(told, schema.get('items', {}))}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind} {low:g} to {high:g}"
    return "bytes" if schema.get("format") == "binary" else kind


def _curl(url: str, method: str, route: Table) -> str:
    content = route.get("requestBody", {}).get("content", {})
    asked = f"curl {url}" if method == "get" else f"curl -X {method.upper()} {url}"
    if "multipart/form-data" in content:
        return f"{asked} -F file=@picture.jpg"
    if "application/json" in content:
        told = content["application/json"].get("example", {})
        return f"{asked} -H 'Content-Type: application/json' -d '{json.dumps(told, ensure_ascii=False)}'"
    return asked


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) and value else None)
