"""/docs: everything is told, nothing comes from another host, no script runs."""

import html
import re

import httpx
import pytest
from running_service import served

from pixwise.serve.docs_page import page_of


@pytest.fixture(scope="module")
def url():
    with served(built_in=True) as place:
        yield place.url


@pytest.fixture(scope="module")
def page(url):
    return httpx.get(f"{url}/docs").text


def test_every_route_is_on_the_page(url, page):
    told = httpx.get(f"{url}/openapi.json").json()
    for path, methods in told["paths"].items():
        for method in methods:
            assert f"<b>{method.upper()} {path}</b>" in page


def test_every_option_of_a_task_is_on_the_page_with_its_range_and_default(page):
    block = re.search(r'<details id="quality">.*?</details>', page, re.S)[0]
    assert "options.colours" in block
    assert "integer 1 to 16 [5]" in block


def test_lines_for_curl_name_the_address_that_was_asked(url, page):
    assert f"curl -X POST {url}/v1/quality" in page
    assert "127.0.0.1:8000" not in page


def test_nothing_is_loaded_and_no_script_runs(url, page):
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", page)
    policy = httpx.get(f"{url}/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_what_a_description_says_is_text_and_never_markup():
    route = {
        "summary": "<u>",
        "requestBody": {"content": {"a/b": {"schema": {"enum": ["<s>"]}}}},
        "responses": {"200": {"description": "<s>"}},
    }
    told = {"info": {"title": "<b>", "version": "1", "description": "<script>"}, "paths": {"/<i>": {"get": route}}}
    page = page_of(told)
    assert not re.search(r"<(script|i|u|s)>", page)
    assert html.escape("<script>") in page


def test_it_is_not_there_where_the_operator_says_so():
    with served(built_in=True, docs=False) as place:
        assert [httpx.get(f"{place.url}{path}").status_code for path in ("/docs", "/openapi.json")] == [404, 404]
