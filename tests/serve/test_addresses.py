"""Addresses that requests name: off unless set, and then through the guarded fetcher alone."""

import http.server
import threading
from typing import ClassVar

import httpx
import pytest
from raw_sockets import small_png
from running_service import served

from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings

TASK = {"operation_id": "a", "type": "embed_look", "params": {}}


class Site(http.server.BaseHTTPRequestHandler):
    """`/picture` is one; `/to?ADDRESS` leads elsewhere; all that is asked is kept."""

    asked: ClassVar[list] = []

    def do_GET(self):
        self.asked.append(self.path)
        path, _, target = self.path.partition("?")
        body = small_png() if path == "/picture" else b""
        self.send_response(302 if path == "/to" else 200)
        if path == "/to":
            self.send_header("Location", target)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f":{server.server_port}"
        server.shutdown()
        thread.join()


class Names:
    """A name server that can change its mind: each answer of a name once, the last one for ever."""

    def __init__(self):
        self.answers = {"good.example": ["127.0.0.1"], "inner.example": ["127.0.0.9"],
                        "both.example": ["127.0.0.1", "127.0.0.9"]}  # fmt: skip
        self.count = 0

    def __call__(self, host, port):
        self.count += 1
        known = self.answers.get(host, [host])
        if host == "turning.example":
            return known.pop(0) if len(known) > 1 else known[0]
        return known


@pytest.fixture(scope="module")
def names():
    return Names()


@pytest.fixture(scope="module")
def client(names):
    # 127.0.0.1 stands for the internet, every other address for what is inside
    settings = load_settings(built_in=True, log="none", concurrency=4, allow_urls=True, compatible_urls=True,
                             fetch_timeout_s=3)  # fmt: skip
    service = Service(settings, resolve=names, allow=lambda address: address == "127.0.0.1")
    with served(service) as place, httpx.Client(base_url=place.url, timeout=20) as client:
        yield client


def fetched(client, url):
    return client.post("/v1/quality", json={"image": {"url": url}})


def test_an_address_is_fetched_where_the_operator_lets_it(client, site):
    assert fetched(client, f"http://good.example{site}/picture").status_code == 200
    chain = "".join("/to?http://good.example" + site for _ in range(1))
    assert fetched(client, f"http://good.example{site}{chain}/picture").status_code == 200


@pytest.mark.parametrize("url", [
    "http://inner.example{}/picture", "http://both.example{}/picture", "http://127.0.0.9{}/picture",
    "http://[::ffff:127.0.0.1]{}/picture", "http://[::1]{}/picture", "http://2130706433{}/picture",
    "http://0x7f000001{}/picture", "http://017700000001{}/picture", "http://127.1{}/picture", "http://0{}/picture",
    "http://169.254.169.254/latest/meta-data/", "http://localhost{}/picture",
    "http://user:word@good.example{}/picture", "http://good.example{}\\@inner.example/picture",
    "file:///etc/passwd", "ftp://good.example/", "gopher://good.example/", "/etc/passwd", "@/etc/passwd", "-",
    "http://good.example{}/to?http://inner.example{}/picture", "http://good.example{}/to?file:///etc/passwd",
    "http://good.example{}/to?http://user:word@good.example/", "http://good.example{}/to?//inner.example{}/picture",
    "http://good.example{}/to?http://127.0.0.9{}/picture", "http://good.example{}/to?http://2130706433{}/picture",
])  # fmt: skip
def test_no_address_leads_inside(client, site, url):
    before = len([path for path in Site.asked if path == "/picture"])
    answer = fetched(client, url.replace("{}", site))
    assert answer.status_code == 400, answer.text
    assert "root:" not in answer.text
    assert len([path for path in Site.asked if path == "/picture"]) == before


def test_redirects_have_an_end(client, site):
    names = "good.example" + site
    answer = fetched(client, f"http://{names}/to?http://{names}" + f"/to?http://{names}" * 8 + "/picture")
    assert answer.status_code == 400
    assert "redirects must be at most 5" in answer.json()["detail"]


def test_a_name_server_that_turns_round_gains_nothing(client, names, site):
    names.answers["turning.example"] = [["127.0.0.1"], ["127.0.0.9"]]
    names.count = 0
    assert fetched(client, f"http://turning.example{site}/picture").status_code == 200
    assert names.count == 1  # it was asked once, and the address that was checked is the one that was connected to
    assert fetched(client, f"http://turning.example{site}/picture").status_code == 400


def test_the_compatible_api_goes_the_same_way(client, site):
    told = {"image_url": f"http://inner.example{site}/picture", "tasks": [TASK]}
    answer = client.post("/analyze_image/", json=told)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Could not download image from URL")


def test_no_address_is_fetched_unless_that_is_set(site):
    with served(built_in=True) as place, httpx.Client(base_url=place.url, timeout=20) as client:
        before = len(Site.asked)
        answer = fetched(client, f"http://127.0.0.1{site}/picture")
        assert answer.status_code == 400
        assert "got an address, which this service does not fetch" in answer.json()["detail"]
        told = {"image_url": f"http://127.0.0.1{site}/picture", "tasks": [TASK]}
        assert client.post("/analyze_image/", json=told).status_code == 400
        assert len(Site.asked) == before
