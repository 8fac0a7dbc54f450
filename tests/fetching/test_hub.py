"""A server that answers badly, slowly, or not at all."""

import ssl
import time
from dataclasses import replace
from urllib.error import URLError

import pytest
from hub_server import FILES, MODEL, Fault, HubServer, repo_card, url_card

from pixwise import errors, store
from pixwise.fetching import hub as hub_module
from pixwise.fetching.intake import Unreachable
from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile


@pytest.fixture
def hasty(monkeypatch):
    """A patience of 0.2 s, and waits that are a hundredth of one."""
    monkeypatch.setenv("PIXWISE_FETCH_TIMEOUT", "0.2")


def leftovers(tmp_path):
    """Names of all files that look like a model, whole or not."""
    return {
        path.name for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size in map(len, FILES.values())
    }


@pytest.mark.parametrize("card", [repo_card, url_card])
def test_a_cut_connection_is_resumed_where_it_broke(hub, card):
    where = "cdn/owner/name/onnx/model.onnx?" if card is repo_card else "plain"
    hub.faults.append(Fault(f"GET /{where}", cut=100_000))
    assert store.ensure(card(hub))["model"].read_bytes() == MODEL
    assert [headers.get("Range") for headers in hub.asked(where)] == [None, "bytes=100000-"]


def test_a_server_that_ignores_range_is_read_from_the_beginning(hub):
    hub.ignores_range = True
    hub.faults.append(Fault("GET /plain", cut=100_000))
    assert store.ensure(url_card(hub))["model"].read_bytes() == MODEL


def test_a_connection_that_always_breaks_is_an_error_and_looks_like_no_file(hub, hasty, tmp_path):
    hub.faults.append(Fault("GET /plain", times=-1, cut=0))
    with pytest.raises(errors.FetchError, match=r"model.onnx from 127.*expected 300000 bytes, got 0 before the connec"):
        store.ensure(url_card(hub))
    assert not leftovers(tmp_path)
    assert store.find(url_card(hub)) is None


@pytest.mark.parametrize("card", [repo_card, url_card])
def test_other_bytes_than_the_card_says_are_thrown_away(hub, tmp_path, card):
    hub.faults += [Fault("GET /plain", flip=7), Fault("GET /cdn", flip=7)]
    with pytest.raises(errors.ModelFileError, match=r"expected SHA-256 .*, got .*thrown away"):
        store.ensure(card(hub))
    assert not leftovers(tmp_path)
    assert store.ensure(card(hub))["model"].read_bytes() == MODEL


def test_a_flipped_byte_in_a_small_file_is_seen_though_the_card_knows_no_hash(hub):
    hub.faults.append(Fault("GET /api/resolve-cache/models/owner/name", flip=2))
    hub.repos["owner/name"].large = set()
    with pytest.raises(errors.ModelFileError, match="expected content for"):
        store.ensure(repo_card(hub, known=False))
    assert store.find(repo_card(hub, known=False)) is None


def test_a_file_that_the_hub_replaced_is_refused_before_its_bytes_are_asked_for(hub):
    card = repo_card(hub)
    hub.repos["owner/name"].files = FILES | {"onnx/model.onnx": MODEL[::-1]}
    with pytest.raises(errors.ModelFileError, match="the server and the card disagree"):
        store.ensure(card)
    assert not hub.asked("GET")


def test_a_body_longer_than_the_card_says_is_refused(hub):
    card = url_card(hub)
    hub.plain["model.onnx"] = MODEL + b"more"
    with pytest.raises(errors.ModelFileError, match="expected 300000 bytes, got more"):
        store.ensure(card)


def test_a_gated_repository_says_how_to_get_in(hub):
    hub.token = "secret"
    with pytest.raises(errors.FetchError, match=r"owner/name must be open to you, got HTTP status 401.*HF_TOKEN"):
        store.ensure(repo_card(hub))


def test_a_forbidden_repository_says_that_the_token_has_no_access(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    hub.faults.append(Fault("HEAD", status=403, headers={"X-Error-Code": "GatedRepo"}))
    with pytest.raises(
        errors.FetchError, match=r"403 \(GatedRepo\).*accept its terms.*token of HF_TOKEN has no access"
    ):
        store.ensure(repo_card(hub))


def test_the_token_goes_to_the_hub_and_to_nobody_else(hub, monkeypatch):
    hub.token = "secret"
    monkeypatch.setenv("HF_TOKEN", "secret")
    store.ensure(repo_card(hub))
    store.ensure(url_card(hub))
    assert all(headers["Authorization"] == "Bearer secret" for headers in hub.asked("/resolve/"))
    assert not any("Authorization" in headers for headers in hub.asked("/cdn/") + hub.asked("/plain/"))


def test_a_hub_that_keeps_its_files_in_chunks_is_read_all_the_same(hub):
    chunks = {"X-Xet-Hash": "0" * 64, "Link": f'<{hub.url}/api/xet>; rel="xet-auth"'}
    hub.faults.append(Fault("/resolve/", times=-1, headers=chunks))
    assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL


def test_a_mirror_that_sends_us_to_the_hub_is_followed_without_the_token(hub, monkeypatch):
    with HubServer() as mirror:
        for path in FILES:
            where = f"{hub.url}/owner/name/resolve/{hub.repos['owner/name'].commit}/{path}"
            mirror.faults.append(Fault(f"{path}", times=-1, status=308, headers={"Location": where}))
        mirror.faults.sort(key=lambda fault: -len(fault.where))
        monkeypatch.setenv("HF_ENDPOINT", mirror.url)
        monkeypatch.setenv("HF_TOKEN", "secret")
        assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL
    assert not any("Authorization" in headers for headers in hub.asked(""))


@pytest.mark.parametrize("code", ["RepoNotFound", "RevisionNotFound", "EntryNotFound"])
def test_what_is_not_there_is_named(hub, code):
    hub.faults.append(Fault("HEAD", status=404, headers={"X-Error-Code": code}))
    word = {"RepoNotFound": "repository", "RevisionNotFound": "revision", "EntryNotFound": "file"}[code]
    with pytest.raises(errors.FetchError, match=rf"^{word} must be there, got HTTP status 404 for http.*model.onnx"):
        store.ensure(repo_card(hub))


@pytest.mark.parametrize("where", ["HEAD", "GET /cdn"])
def test_too_many_requests_waits_as_long_as_the_server_asks(hub, where):
    hub.faults.append(Fault(where, status=429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL
    assert 1 <= time.monotonic() - started < 5


def test_a_wait_of_an_hour_is_an_error_at_once(hub):
    hub.faults.append(Fault("HEAD", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(errors.FetchError, match=r"429 and a wait of 3600 s; try again later"):
        store.ensure(repo_card(hub))


def test_a_server_in_trouble_is_asked_again(hub, hasty):
    hub.faults += [Fault("HEAD", times=2, status=503), Fault("GET /cdn", status=500)]
    assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL


def test_a_server_that_stays_in_trouble_is_an_error(hub, hasty):
    hub.faults.append(Fault("HEAD", times=-1, status=503))
    with pytest.raises(errors.FetchError, match=r"expected the file, got HTTP status 503; check the network"):
        store.ensure(repo_card(hub))
    assert len(hub.asked("HEAD")) == 5


def test_a_silent_server_is_given_up(hub, hasty):
    hub.faults.append(Fault("HEAD", times=-1, stall=1.0))
    with pytest.raises(errors.FetchError, match=r"expected an answer within 0.2 s, got none"):
        store.ensure(repo_card(hub))


def test_a_body_that_only_trickles_is_given_up(hub, hasty, monkeypatch):
    monkeypatch.setenv("PIXWISE_FETCH_TIMEOUT", "0.05")
    hub.faults.append(Fault("GET /plain", times=-1, trickle=0.01))
    hub.ignores_range = True
    with pytest.raises(errors.FetchError, match=r"expected 1024 bytes per second, got \d+;"):
        store.ensure(url_card(hub))


def test_nobody_listening_is_an_error_that_names_the_model_and_the_ways_around(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        errors.FetchError, match=r"^model 'tiny' must be fetched from 127.0.0.1:9, got .*refused"
    ) as told:
        store.ensure(repo_card(hub))
    assert "; check the network and HF_ENDPOINT, or carry it" in str(told.value)
    assert "`pixwise models pull tiny && pixwise models bundle tiny -o models.tar`" in str(told.value)
    assert "`pixwise models import models.tar`, or use the built-in 'hog-people'" in str(told.value)


def test_the_variable_of_the_hub_is_not_advised_for_other_hosts(hub):
    file = replace(url_card(hub).files[0], url="http://127.0.0.1:9/model.onnx")
    with pytest.raises(errors.FetchError, match=r"^model 'plain' must be .*; check the network, or carry it"):
        store.ensure(replace(url_card(hub), files=(file,)))


def test_a_certificate_that_is_not_trusted_is_an_error_at_once():
    trouble = hub_module._trouble(URLError(ssl.SSLCertVerificationError(1, "self-signed")), "https://hub.example/x")
    assert isinstance(trouble, Unreachable)
    assert trouble.got.startswith("a certificate that is not trusted")
    assert "SSL_CERT_FILE" in trouble.advice


def test_proxies_of_the_environment_are_used_but_not_to_this_machine(hub, hasty, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", hub.url)
    assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    with pytest.raises(errors.FetchError, match=r"hub.example: expected an answer, got Tunnel connection failed: 501"):
        store.ensure(repo_card(hub), force=True)


@pytest.mark.parametrize("address", ["http://example.com/m.onnx", "ftp://127.0.0.1/m.onnx", "file:///etc/passwd"])
def test_an_address_that_is_not_https_is_refused(hub, no_sockets, address):
    card = Card(id="x", task="detect", recipe=Recipe(resize="none"), files=(CardFile("m.onnx", "model", url=address),))
    with pytest.raises(errors.FetchError, match="address of a model must begin with https://"):
        store.ensure(card)


def test_a_redirect_to_plain_http_elsewhere_is_refused(hub):
    hub.faults.append(Fault("GET /plain", status=302, headers={"Location": "http://example.com/m.onnx"}))
    with pytest.raises(errors.FetchError, match=r"must begin with https://, got 'http://example.com"):
        store.ensure(url_card(hub))


def test_redirects_in_a_circle_end(hub):
    hub.faults.append(Fault("GET /plain", times=-1, status=302, headers={"Location": "/plain/model.onnx"}))
    with pytest.raises(errors.FetchError, match="at most 5 redirects"):
        store.ensure(url_card(hub))


def test_a_server_that_is_no_hub_is_said_to_be_none(hub):
    hub.faults.append(Fault("HEAD", status=200, times=-1))
    with pytest.raises(errors.FetchError, match=r"must answer as the Hugging Face hub, got no commit"):
        store.ensure(repo_card(hub))
