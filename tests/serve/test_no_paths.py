"""What requests say is data: never a path, a constructor's argument or a line of the log."""

import io
import json
import logging

import httpx
import pytest
from raw_sockets import said, small_png
from running_service import served

from pixwise.serve.logs import formatter_of

KEY_HASH = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"  # sha256 of "password"
IMAGE = {"Content-Type": "image/png", "X-API-Key": "password"}


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    path = tmp_path_factory.mktemp("inside") / "secret.toml"
    path.write_text("secret-of-the-house = 1\n")
    return path


@pytest.fixture(scope="module")
def client():
    keys = [{"name": "anna", "sha256": KEY_HASH}]
    with served(built_in=True, keys=keys) as place, httpx.Client(base_url=place.url, timeout=30) as client:
        client.headers["X-API-Key"] = "password"
        yield client


def asked(client, task, **options):
    return client.post(f"/v1/{task}", data={"options": json.dumps(options)}, files={"file": ("x.png", small_png())})


@pytest.mark.parametrize("form", ["{}", "@{}", "file://{}", "../../../../../..{}", "hf:owner/name@{}"])
def test_a_model_is_a_name_of_the_registry_and_no_file(client, secret, form):
    model = form.format(secret)
    answers = [client.post("/v1/quality", params={"model": model}, content=small_png(), headers=IMAGE),
               client.get(f"/v1/models/{model}"),
               client.post("/v1/embeddings", json={"model": model, "input": ["a"]})]  # fmt: skip
    for answer in answers:
        assert answer.status_code in (400, 404, 422), answer.text
        assert "secret-of-the-house" not in answer.text


@pytest.mark.parametrize(("task", "options"), [
    ("identify", {"gallery": "PATH"}), ("moderate", {"policy": "PATH"}), ("zeroshot", {"labels": "@PATH"}),
    ("find", {"labels": ["@PATH"]}), ("zeroshot", {"labels": ["a"], "templates": "@PATH"}),
])  # fmt: skip
def test_options_that_name_files_at_the_command_line_name_none_here(client, secret, task, options):
    told = json.loads(json.dumps(options).replace("PATH", str(secret)))
    answer = asked(client, task, **told)
    assert answer.status_code in (404, 422, 503), answer.text
    assert "secret-of-the-house" not in answer.text


@pytest.mark.parametrize("job", ["..", ".", "../../etc", "%2e%2e%2fsecret", "a.b", "%00", "lock"])
def test_the_id_of_a_job_is_no_path(client, job):
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/jobs/{job}/")
        assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize("name", ["helpers", "limits", "exact", "session", "card", "device", "threads", "offline",
                                  "accept_licence", "on_error", "allow_urls", "__class__", "__init__", "self", "cls",
                                  "model_config", "pool", "source", "path", "option_names"])  # fmt: skip
def test_what_constructors_take_is_no_option(client, name):
    for task in ("quality", "detect", "codes"):
        answer = asked(client, task, **{name: "x"})
        assert answer.status_code == 422, answer.text
        assert f"option must be known, got '{name}'" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["../../../../etc/passwd", "/etc/passwd", "C:\\windows\\win.ini", "a\x00b", "..", "%2e%2e%2f"]
)
def test_the_name_of_an_upload_is_a_word(client, tmp_path, name):
    told = name.replace("\x00", "%00")
    answer = client.post("/v1/quality", files={"file": (told, small_png())})
    assert answer.status_code == 200
    source = answer.json()["image"]["source"]
    assert "/" not in source
    assert "\\" not in source
    assert answer.json()["image"]["width"] == 32


@pytest.fixture(params=["json", "text"])
def log(request):
    logger, kept = logging.getLogger("pixwise.serve"), io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(formatter_of(request.param))
    logger.addHandler(handler)
    level, logger.level = logger.level, logging.INFO
    logging.getLogger("pixwise.serve.requests").setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_request_is_one_line_whatever_it_says(client, log):
    evil = 'x%0d%0a{"level":"error"}%0a%1b[31m%e2%80%a8'
    client.post(f"/v1/{evil}", params={evil: evil}, files={"file": (evil, small_png())},
                headers={"X-Request-ID": "a b\t{}", "User-Agent": evil})  # fmt: skip
    client.post("/v1/quality", params={"colours": "\r\n\x1b[31m"}, content=small_png(), headers=IMAGE)
    said(str(client.base_url), b"GET /\xff\x1b[31m HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: \x85\xe2\r\n\r\n")
    lines = log.getvalue().splitlines()
    assert all("\x1b" not in line for line in lines)
    assert 2 <= len(lines) <= 3, lines
    assert all("status" in line or " ms " in line for line in lines)


def test_neither_key_nor_picture_is_in_the_log(client, log):
    client.post("/v1/quality", content=small_png(), headers=IMAGE)
    client.post("/v1/quality", content=b"picture-bytes", headers=IMAGE)
    client.post("/v1/quality", json={"image": "data:image/png;base64,cGljdHVyZS1ieXRlcw=="})
    client.get("/v1/models", headers={"X-API-Key": "wrong-password"})
    told = log.getvalue()
    assert "anna" in told
    for word in ("password", KEY_HASH, "picture-bytes", "cGljdHVy", "PNG"):
        assert word not in told


def test_settings_that_are_shown_hide_hashes(client):
    from pixwise.serve.settings import load_settings

    told = load_settings(keys=[{"name": "anna", "sha256": KEY_HASH}]).told()
    assert KEY_HASH not in json.dumps(told)
    assert "anna" in json.dumps(told)
