"""Who may ask what, over a real socket."""

import hashlib

import httpx
import pytest
from raw_sockets import dial, heard, small_png, status_of
from running_service import served

from pixwise.errors import OptionError
from pixwise.serve.keys import new_key, scopes_of
from pixwise.serve.settings import load_settings

ANNA, METER, SLOW = "anna-secret", "meter-secret", "slow-secret"


def entry(name, key, **more):
    return {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), **more}


KEYS = [entry("anna", ANNA), entry("meter", METER, scopes=["metrics", "models"]), entry("slow", SLOW, rate=2)]


@pytest.fixture(scope="module")
def place():
    with served(built_in=True, keys=KEYS) as place:
        yield place


def asked(place, key=None, path="/v1/quality", **headers):
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.post(place.url + path, content=small_png(), headers={"Content-Type": "image/png", **headers})


def test_a_known_key_is_answered_in_both_spellings(place):
    assert asked(place, ANNA).status_code == 200
    assert asked(place, None, **{"X-API-Key": ANNA}).status_code == 200
    assert asked(place, None, **{"Authorization": f"bearer {ANNA}"}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"},
                                     {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"},
                                     {"X-API-Key": "é"}])  # fmt: skip
def test_none_or_an_unknown_one_is_401_that_says_what_to_send(place, headers):
    answer = asked(place, None, **{name: value.encode("latin-1") for name, value in headers.items()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="pixwise"'
    assert "send Authorization: Bearer KEY, or X-API-Key: KEY" in answer.json()["detail"]


def test_the_hash_of_a_key_is_no_key(place):
    assert asked(place, KEYS[0]["sha256"]).status_code == 401


def test_a_key_for_other_things_is_403_that_says_for_which(place):
    answer = asked(place, METER)
    assert answer.status_code == 403
    assert "key must be for ask, got 'meter' for metrics, models" in answer.json()["detail"]
    assert httpx.get(f"{place.url}/metrics", headers={"X-API-Key": ANNA}).status_code == 403
    assert httpx.get(f"{place.url}/metrics", headers={"X-API-Key": METER}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json"])
def test_what_tells_nothing_of_anybody_needs_no_key(place, path):
    assert httpx.get(place.url + path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/v1/models", "/nothing", "/available_operations/", "//livez", "/ui/../v1"]
)
def test_everything_else_needs_one_and_does_not_tell_whether_it_is_there(place, path):
    with dial(place.url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()) as line:
        assert status_of(heard(line)) in ((404,) if path == "/ui/../v1" else (401,))


def test_a_body_without_a_key_is_refused_before_it_is_read(place):
    head = b"POST /v1/quality HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n"
    with dial(place.url, head) as line:
        assert status_of(heard(line)) == 401


def test_two_keys_at_once_are_refused(place):
    head = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {METER}\r\nX-API-Key: {ANNA}\r\n\r\n"
    with dial(place.url, head.encode()) as line:
        assert status_of(line.recv(65_536)) == 400


def test_a_key_has_its_own_rate(place):
    answers = [asked(place, SLOW) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert asked(place, ANNA).status_code == 200


def test_the_caller_is_the_name_of_the_key(place):
    seen, do = [], place.service.crew.do
    place.service.crew.do = lambda ask, work: (seen.append(ask.caller), do(ask, work))[1]
    asked(place, ANNA)
    place.service.crew.do = do
    assert seen == ["anna"]


def test_a_new_key_is_long_random_and_kept_as_a_hash_only():
    (first, kept), (second, _) = new_key("bob"), new_key("bob")
    assert first != second
    assert len(first) >= 43 + len("pixwise_")
    assert kept.sha256.get_secret_value() == hashlib.sha256(first.encode()).hexdigest()
    assert first not in kept.model_dump_json() + repr(kept)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "a" * 65, "../x"])
def test_a_key_has_a_plain_name(name):
    with pytest.raises(OptionError, match="name of a key must be 1 to 64 letters"):
        new_key(name)


def test_a_new_key_opens_the_service():
    key, kept = new_key("bob")
    told = {"name": kept.name, "sha256": kept.sha256.get_secret_value(), "scopes": kept.scopes}
    with served(built_in=True, keys=[told]) as place:
        assert asked(place, key).status_code == 200
        assert asked(place, key[:-1]).status_code == 401


def test_only_whoever_is_for_models_may_change_them():
    assert scopes_of("GET", "/v1/models/x") == ("models", "ask")
    assert scopes_of("DELETE", "/v1/models/x") == ("models",)
    assert scopes_of("POST", "/v1/jobs") == scopes_of("GET", "/v1/jobs/1") == ("jobs",)
    assert scopes_of("POST", "/livez") == scopes_of("GET", "/uix") == ("ask",)


def test_names_of_keys_are_their_own():
    with pytest.raises(OptionError, match="name of a key must be its own, got 'anna' twice"):
        load_settings(keys=[KEYS[0], {**KEYS[1], "name": "anna"}])
