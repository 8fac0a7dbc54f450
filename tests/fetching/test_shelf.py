"""Where model files lie, and whether they are what they should be."""

import os
from pathlib import Path

import pytest
from hub_server import CONFIG, FILES, MODEL, repo_card, sha, url_card

from pixwise import errors, store
from pixwise.fetching import notes, shelf
from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HOME": "/d"}, "/d/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(monkeypatch, variables, expected):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert shelf.hub_cache() == Path(expected)


def test_a_file_is_hashed_once_and_again_when_it_changes(hub, tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(MODEL)
    assert shelf.hash_of(path) == sha(MODEL)
    notes.note("seen", str(path), {"signature": notes.read_note("seen", str(path))["signature"], "sha256": "noted"})
    assert shelf.hash_of(path) == "noted"
    assert shelf.hash_of(path, thorough=True) == sha(MODEL)
    path.write_bytes(MODEL[::-1])
    assert shelf.hash_of(path) == sha(MODEL[::-1])


def test_a_thorough_look_trusts_no_note(hub):
    card = repo_card(hub)
    path = Path(os.path.realpath(store.ensure(card)["model"]))
    path.write_bytes(MODEL[::-1])
    shelf.remember(path, sha(MODEL))  # as if the disk had changed a byte and told nobody
    assert shelf.state(card) == "ready"
    assert shelf.state(card, thorough=True) == "damaged"


def test_states_say_what_a_list_needs(hub):
    assert shelf.state(repo_card(hub)) == "not here"
    assert shelf.state(repo_card(hub, known=False)) == "unverified"
    store.ensure(repo_card(hub))
    assert shelf.state(repo_card(hub)) == "ready"
    assert shelf.state(Card(id="b", task="t", runtime="builtin", recipe=Recipe(resize="none"))) == "built in"


def test_a_file_of_another_length_is_damaged_without_reading_it(hub):
    path = store.ensure(repo_card(hub))["model"]
    os.truncate(path, 1000)
    (spot, *_) = shelf.spots(repo_card(hub))
    assert shelf.check(spot) == "damaged"
    assert shelf.damage(spot).endswith("model.onnx: expected 300000 bytes, got 1000")


def test_two_versions_of_a_plain_file_lie_side_by_side(hub):
    first = store.ensure(url_card(hub))["model"]
    second = store.ensure(url_card(hub, MODEL[::-1]))["model"]
    assert first.read_bytes() == MODEL
    assert second.read_bytes() == MODEL[::-1]


def test_files_of_one_model_lie_in_one_folder(hub):
    files = tuple(CardFile(name, url=f"{hub.url}/plain/{name}") for name in ("m.onnx", "m.onnx_data"))
    spots = shelf.spots(Card(id="a/b", task="t", files=files, recipe=Recipe(resize="none")))
    assert spots[0].path.parent == spots[1].path.parent
    assert spots[0].path.is_relative_to(notes.home() / "files")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "c:\\x", "a\\b", "a\0b"])
def test_a_path_stays_inside_its_folder(path):
    with pytest.raises(errors.CardError, match="must stay inside its folder"):
        shelf.parts_of(path)


@pytest.mark.parametrize("repo", ["../../x", "a/b/c", "a/..", "/a", "a b/c"])
def test_a_repository_has_an_owner_and_a_name(repo):
    with pytest.raises(errors.CardError, match="repo must be owner/name"):
        shelf.repo_folder(repo)


@pytest.mark.parametrize(
    ("keys", "words"), [({"files": ()}, "must name its files"), ({"repo": ""}, "must have a repo or a url")]
)
def test_a_card_that_tells_too_little_is_an_error(hub, keys, words):
    with pytest.raises(errors.CardError, match=words):
        shelf.spots(repo_card(hub, **keys))


def test_a_small_blob_that_is_not_what_its_name_says_is_not_trusted(hub):
    hub.repos["owner/name"].large = set()
    path = store.ensure(repo_card(hub, known=False))["model"].parent.parent / "config.json"
    notes.forget("pin", f"owner/name@{hub.repos['owner/name'].commit}/config.json")
    assert shelf.is_ready(repo_card(hub, known=False))
    path.write_bytes(CONFIG[::-1])
    assert not shelf.is_ready(repo_card(hub, known=False))


def test_a_blob_that_is_a_link_to_a_shared_one_is_still_known_by_its_name(hub, tmp_path):
    path = store.ensure(repo_card(hub, known=False))["model"]
    notes.forget("pin", f"owner/name@{hub.repos['owner/name'].commit}/onnx/model.onnx")
    blob = shelf.blob_of(path)
    blob.rename(tmp_path / "shared")
    blob.symlink_to(tmp_path / "shared")
    assert shelf.is_ready(repo_card(hub, known=False))


def test_a_dropped_file_leaves_no_empty_folders(hub, tmp_path):
    store.ensure(url_card(hub))
    assert shelf.drop(shelf.spots(url_card(hub))[0]) == len(MODEL)
    assert list((tmp_path / "px" / "files").iterdir()) == []


def test_a_blob_stays_while_another_commit_points_to_it(hub):
    first = repo_card(hub)
    store.ensure(first)
    hub.add("owner/name", FILES | {"config.json": b"{}"})
    second = repo_card(hub, files=first.files[:2])
    store.ensure(second)
    assert store.remove(first) == len(CONFIG)
    assert store.ensure(second, offline=True)["model"].read_bytes() == MODEL
