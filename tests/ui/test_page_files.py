"""The files of the page and how they are served: its policy, nothing from elsewhere, nothing but what there is."""

import re
from pathlib import Path

import httpx
import pytest
from running_service import served

import pixwise.ui
from pixwise.serve.ui_routes import page_files

STATIC = Path(pixwise.ui.__file__).parent / "static"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WRITTEN = sorted(path for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".html", ".svg"))


def test_the_page_may_speak_to_its_own_service_only(place):
    policy = httpx.get(f"{place.url}/ui/").headers["content-security-policy"].split("; ")
    assert policy[:2] == ["default-src 'self'", "img-src 'self' blob: data:"]
    assert {"object-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any("unsafe" in rule or "*" in rule or "http" in rule for rule in policy)


def test_every_file_has_the_policy_and_its_type(place):
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    for path in WRITTEN:
        answer = httpx.get(f"{place.url}/ui/{path.name}")
        assert answer.headers["content-type"].startswith(types[path.suffix])
        assert "content-security-policy" in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_has_no_script_and_no_style_in_itself():
    text = (STATIC / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text) == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path):
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|//[a-z]+\.[a-z]|@import|eval\(|innerHTML|new Function", text) == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_files_of_the_page_stay_readable_in_one_sitting(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_what_files_name_is_there():
    known = set(page_files())
    for path in WRITTEN:
        text = path.read_text("utf-8")
        named = re.findall(r'(?:from |href=|src=)"(?:\./)?([\w/-]+\.(?:js|css|svg|png))', text)
        assert set(named) <= known, path.name


def test_each_drawing_that_is_used_is_in_the_sheet():
    text = "".join(path.read_text("utf-8") for path in WRITTEN)
    used = set(re.findall(r'icons\.svg#(\w+)|drawing: "(\w+)"|icon\("(\w+)"\)', text))
    named = {name for names in used for name in names if name}
    assert named == set(re.findall(r'symbol id="(\w+)"', (STATIC / "icons.svg").read_text("utf-8")))


def test_the_examples_are_those_of_the_repository():
    shipped = sorted((STATIC / "examples").iterdir())
    assert len(shipped) == 4
    assert all(path.read_bytes() == (EXAMPLES / path.name).read_bytes() for path in shipped)


def test_a_file_that_is_known_is_not_sent_again(place):
    first = httpx.get(f"{place.url}/ui/main.js")
    again = httpx.get(f"{place.url}/ui/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["none.js", "../__init__.py", "%2e%2e/__init__.py", "examples/", "examples/../main.js%00"]
)
def test_only_files_of_the_page_are_served(place, path):
    answer = httpx.get(f"{place.url}/ui/{path}")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_the_address_without_its_slash_leads_to_the_page(place):
    for path in ("/", "/ui"):
        answer = httpx.get(place.url + path, follow_redirects=True)
        assert (answer.status_code, answer.url.path) == (200, "/ui/")


def test_the_description_is_there_also_where_the_docs_are_not():
    with served(built_in=True, docs=False) as place:
        told = httpx.get(f"{place.url}/ui/description.json").json()
        assert "/v1/ocr" in told["paths"]
        assert "ocr" in told["analysed"]
        assert httpx.get(f"{place.url}/openapi.json").status_code == 404


def test_an_operator_can_turn_the_page_off():
    with served(built_in=True, ui=False) as place:
        assert httpx.get(f"{place.url}/ui/").status_code == 404
