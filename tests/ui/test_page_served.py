"""The page where an operator has put it: behind keys, behind a gateway, with a rate; the models that he has."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from oracle import yunet
from running_service import served

from pixwise.serve.keys import new_key

PLAIN = ("content-type", "location", "content-security-policy", "accept", "authorization", "sec-fetch-site", "origin")


@contextmanager
def gateway(url, prefix):
    """A gateway that serves a service below a path; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kept = {name: value for name, value in self.headers.items() if name.lower() in PLAIN}
            path = self.path.removeprefix(prefix)
            answer = httpx.request(self.command, url + path, content=body, headers=kept, timeout=60)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name in PLAIN:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tab_at(tab_with):
    """A tab on a service at another address."""

    def make(url):
        tab = tab_with()
        tab.url = url
        return tab

    return make


def test_the_page_works_below_a_path_of_a_gateway(place, tab_at):
    with gateway(place.url, "/eyes") as url:
        tab = tab_at(url)
        tab.page.goto(f"{url}/ui")  # without its slash, as people write it
        tab.page.wait_for_selector(":root.ready")
        tab.page.evaluate("location.hash = 'codes'")
        tab.give("receipt.png")
        assert len(tab.rows()) == 2
        assert all(asked.startswith((f"{url}/", "blob:")) for asked in tab.asked)


def test_a_service_with_keys_asks_for_one_and_keeps_it_for_the_tab(tab_at):
    key, told = new_key("ada")
    with served(built_in=True, keys=[told]) as place:
        tab = tab_at(place.url)
        tab.expected = 401
        page = tab.ask("codes", "receipt.png")
        assert "A key is needed" in page.locator(".trouble").inner_text()
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        page.wait_for_selector(".answer")
        page.reload()
        tab.ask("codes", "receipt.png")
        assert len(tab.rows()) == 2
        assert page.evaluate("JSON.stringify(localStorage)").find(key) == -1


def test_the_page_is_no_part_of_what_a_caller_may_ask(tab_at):
    with served(built_in=True, rate=6) as place:
        tab = tab_at(place.url)
        tab.ask("codes", "receipt.png")
        assert len(tab.rows()) == 2


def test_too_many_questions_are_told_with_when_to_come_back(tab_at):
    with served(built_in=True, rate=2) as place:
        tab = tab_at(place.url)
        tab.expected = 429
        page = tab.ask("quality", "receipt.png")
        for _ in range(3):
            page.get_by_role("button", name="Ask", exact=True).click()
            tab.answered()
        assert page.get_by_role("button", name="Try again, from").is_disabled()


def test_another_model_can_be_chosen(tab_at, tmp_path):
    yunet.save_constant(tmp_path / "mine")
    with served(built_in=True, own_models={"mine": str(tmp_path / "mine")}) as place:
        tab = tab_at(place.url)
        page = tab.ask("faces", "scene.png")
        assert page.locator("#model option").all_inner_texts()[0] == "as the service has it"
        with page.expect_response("**/v1/faces"):
            page.get_by_label("Model").select_option("mine")
        tab.answered()
        assert page.locator(".by").inner_text().startswith("yunet")
