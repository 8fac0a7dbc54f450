"""`pixwise caption-folder`, with the library and with a service."""

import contextlib
import http.server
import json
import threading

import pytest
from oracle import captioners
from PIL import Image
from running_service import served

import pixwise as px
from pixwise.samples import photo_like


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(captioners.save_merged("blip", captioners.make("blip"), tmp_path_factory.mktemp("blip")))


@pytest.fixture(scope="module")
def service(model):
    with served(own_models={"words": model}, models={"describe_image": "words"}) as place:
        yield place.url


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    for number, name in enumerate(("a.jpg", "b.png", "below/c.png")):
        Image.fromarray(photo_like(40, 50, number)).save(tmp_path / name)
    return tmp_path


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.txt"))}


def test_a_text_is_written_beside_each_picture(cli, folder, model):
    ended = cli("caption-folder", folder, "--model", model)
    said = px.Captioner.load(model, max_tokens=47)  # what a context of 48 has room for
    assert (ended.code, ended.out, ended.err) == (0, "", "3 captioned, 0 had a text already\n")
    assert texts(folder) == {
        f"{name}.txt": f"{said(folder / (name + end)).text}\n"
        for name, end in (("a", ".jpg"), ("b", ".png"), ("below/c", ".png"))
    }


def test_a_service_gives_the_texts_of_the_library(cli, folder, model, service):
    assert cli("caption-folder", folder, "--server", service).code == 0
    by_service = texts(folder)
    assert cli("caption-folder", folder, "--force", "--model", model).code == 0
    assert (by_service, len(by_service)) == (texts(folder), 3)


@pytest.mark.parametrize("force", [False, True])
def test_a_picture_that_has_a_text_keeps_it_unless_told_otherwise(cli, folder, model, force):
    (folder / "a.txt").write_text("mine")
    ended = cli("caption-folder", folder, "--model", model, *["--force"][:force])
    assert ((folder / "a.txt").read_text() == "mine") is not force
    assert ended.err.startswith("3 captioned, 0 had" if force else "2 captioned, 1 had a text already")


@pytest.mark.parametrize("way", ["library", "service"])
def test_it_goes_on_after_a_failure_and_ends_with_1(cli, folder, model, service, way):
    (folder / "aa.png").write_bytes(b"no picture")
    chosen = ("--model", model) if way == "library" else ("--server", service + "/")
    ended = cli("caption-folder", folder, *chosen)
    assert (ended.code, list(texts(folder))) == (1, ["a.txt", "b.txt", "below/c.txt"])
    assert "aa.png" in ended.err
    assert ended.err.endswith("3 captioned, 0 had a text already, 1 failed\n")


def test_a_shorter_text_can_be_asked_for(cli, folder, model, service):
    cli("caption-folder", folder, "--max-length", 2, "--server", service)
    assert (folder / "a.txt").read_text("utf-8").strip() == px.caption(folder / "a.jpg", model=model, max_tokens=2).text


def test_two_pictures_of_one_name_are_told_and_none_is_overwritten(cli, folder, model):
    Image.fromarray(photo_like(40, 50, 9)).save(folder / "a.png")
    ended = cli("caption-folder", folder, "--model", model)
    assert (ended.code, "a.png: expected a text of its own, got that of" in ended.err) == (1, True)
    assert (folder / "a.txt").read_text("utf-8").strip() == px.caption(
        folder / "a.jpg", model=model, max_tokens=47
    ).text


def test_a_folder_that_cannot_be_written_to_loses_only_its_own_texts(executable, folder, model):
    deny = """
import builtins, pathlib
opened = pathlib.Path.open
def refuse(self, *args, **kwargs):
    if "below" in self.parts and self.suffix == ".part":
        raise PermissionError(13, "Permission denied", str(self))
    return opened(self, *args, **kwargs)
pathlib.Path.open = refuse
"""
    ended = executable("caption-folder", folder, "--model", model, before=deny)
    assert (ended.code, list(texts(folder))) == (1, ["a.txt", "b.txt"])
    assert "c.txt: expected to be written, got Permission denied" in ended.err
    assert not list(folder.rglob("*.part"))


def test_nothing_is_loaded_where_all_have_a_text(cli, folder):
    for name in ("a", "b", "below/c"):
        (folder / f"{name}.txt").touch()
    assert cli("caption-folder", folder, "--model", "vit-gpt2").err == "0 captioned, 3 had a text already\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("FOLDER/a.jpg",), "folder of pictures must be there, got"),
        (("FOLDER/none",), "folder of pictures must be there, got"),
        (("FOLDER/empty",), "expected a folder with pictures, got none in it"),
        (("FOLDER", "--server", "ftp://x"), "address of a service must be http"),
        (("FOLDER", "--server", "http://127.0.0.1:1"), "expected a service that answers, got"),
        (("FOLDER", "--server", "http://x", "--model", "y"), "--server must choose its own models, got --model"),
        (("FOLDER", "--max-length", "0"), "must be a whole number from 1 up, got '0'"),
    ],
)
def test_what_cannot_be_begun_is_told_and_nothing_is_written(cli, folder, arguments, said):
    (folder / "empty").mkdir()
    ended = cli("caption-folder", *(each.replace("FOLDER", str(folder)) for each in arguments))
    assert (ended.code, said in ended.err, texts(folder)) == (2, True, {}), ended


def test_a_missing_model_is_told_with_the_command_that_fetches_it(cli, folder):
    ended = cli("caption-folder", folder, "--model", "vit-gpt2")
    assert (ended.code, "pixwise models pull vit-gpt2" in ended.err) == (3, True)


@contextlib.contextmanager
def scripted(answers):
    """A service that answers uploads from a list of `(status, headers, body)`, and then hangs up."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.told(200, {}, {"operations": {"describe_image": {}}})

        def do_POST(self):
            asked.append(self.headers)
            self.rfile.read(int(self.headers["Content-Length"]))
            if answers:
                self.told(*answers.pop(0))

        def told(self, status, headers, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(content)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        log_message = lambda *_: None  # noqa: E731

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def words(text):
    return 200, {}, {"results": {"words": {"status": "success", "data": text}}}


def test_a_busy_service_is_asked_again_and_told_the_key(cli, folder, monkeypatch):
    monkeypatch.setenv("PIXWISE_KEY", "secret")
    busy = (503, {"Retry-After": 0}, {"detail": "busy"})
    with scripted([busy, busy, words("one"), words("two"), words("three")]) as (url, asked):
        ended = cli("caption-folder", folder, "--server", url)
    assert (ended.code, list(texts(folder).values())) == (0, ["one\n", "two\n", "three\n"])
    assert {headers["Authorization"] for headers in asked} == {"Bearer secret"}


def test_what_the_service_says_of_a_picture_is_told(cli, folder):
    missing = {"results": {"words": {"status": "error", "error_message": "run: pixwise models pull x"}}}
    with scripted([(413, {}, {"detail": "too large"}), (200, {}, missing), words("three")]) as (url, _):
        ended = cli("caption-folder", folder, "--server", url)
    assert (ended.code, texts(folder)) == (1, {"below/c.txt": "three\n"})
    assert "a.jpg: expected 200 OK of the service, got 413: too large" in ended.err
    assert "b.png: expected a description, got run: pixwise models pull x" in ended.err


def test_a_service_that_has_gone_is_not_asked_about_the_rest(cli, folder):
    with scripted([words("one")]) as (url, asked):
        ended = cli("caption-folder", folder, "--server", url)
    assert (ended.code, texts(folder), len(asked)) == (1, {"a.txt": "one\n"}, 5)
    assert "c.png: not asked, since the service has gone" in ended.err


def test_a_service_of_another_kind_is_told_before_a_picture_is_sent(cli, folder):
    with served(compatible=False) as place:
        ended = cli("caption-folder", folder, "--server", place.url)
    assert (ended.code, "expected 200 OK of the service, got 404" in ended.err) == (2, True)
