"""Models carried to a machine without a network."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from hub_server import FILES, MODEL, repo_card, sha, url_card
from test_store import CONFIGS

from pixwise import errors, store
from pixwise.fetching import bundles, notes
from pixwise.pixels import Recipe
from pixwise.registry import Card


@pytest.fixture
def packed(hub, tmp_path):
    """A bundle of a repository's model and one of a plain address."""
    cards = [repo_card(hub), url_card(hub)]
    for card in cards:
        store.ensure(card)
    bundles.pack(cards, tmp_path / "b.tar")
    return tmp_path / "b.tar"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """From now on we are on another machine, which has nothing."""

    def go():
        monkeypatch.setenv("HF_HOME", str(tmp_path / "other-hf"))
        monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "other-px"))

    return go


def models_in(tmp_path):
    return [path for path in tmp_path.rglob("other-*/**/*") if path.is_file() and path.stat().st_size > 10_000]


def rewritten(path, change):
    """The bundle with its members changed: `change` gets {name: bytes} and changes it."""
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    change(members)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def manifest_with(bundle, keys):
    """The bundle whose first file is described otherwise."""

    def change(members):
        told = json.loads(members["manifest.json"])
        told["models"][0]["files"][0].update(keys)
        members["manifest.json"] = json.dumps(told).encode()

    return rewritten(bundle, change)


def test_a_bundle_makes_models_ready_on_another_machine(hub, packed, elsewhere, request):
    elsewhere()
    request.getfixturevalue("no_sockets")
    assert store.find(repo_card(hub)) is None
    assert [model.id for model in bundles.install(packed)] == ["tiny", "plain"]
    for card in (repo_card(hub), url_card(hub)):
        assert store.ensure(card, offline=True)["model"].read_bytes() == MODEL


def test_pins_and_commits_travel_along(hub, tmp_path, elsewhere):
    cards = [repo_card(hub, known=False), url_card(hub, known=False)]
    for card in cards:
        store.ensure(card)
    bundles.pack(cards, tmp_path / "b.tar")
    elsewhere()
    bundles.install(tmp_path / "b.tar")
    for card in cards:
        assert store.ensure(card, offline=True)["model"].read_bytes() == MODEL


def test_a_repository_without_a_card_travels_too(hub, tmp_path, elsewhere):
    hub.add("me/vit", CONFIGS | {"model.onnx": MODEL})
    card = store.card_of_repo("hf:me/vit", "classify")
    store.ensure(card)
    bundles.pack([card], tmp_path / "b.tar")
    elsewhere()
    bundles.install(tmp_path / "b.tar")
    assert store.is_ready(store.card_of_repo("hf:me/vit", "classify", offline=True))


def test_huggingface_hub_finds_what_a_bundle_brought(hub, packed, elsewhere, tmp_path):
    from huggingface_hub import hf_hub_download

    elsewhere()
    bundles.install(packed)
    cache, commit = tmp_path / "other-hf" / "hub", hub.repos["owner/name"].commit
    for path, data in FILES.items():
        found = hf_hub_download("owner/name", path, revision=commit, cache_dir=cache, local_files_only=True)
        assert Path(found).read_bytes() == data


def test_the_same_bytes_are_packed_once(packed):
    with tarfile.open(packed) as archive:
        names = archive.getnames()
    assert names[0] == "manifest.json"
    assert sorted(names[1:]) == sorted(f"files/{sha(data)}" for data in FILES.values())


def test_a_model_that_is_not_here_is_not_packed(hub, tmp_path):
    with pytest.raises(errors.ModelMissingError, match=r"must be here and verified.*pixwise models pull tiny"):
        bundles.pack([repo_card(hub)], tmp_path / "b.tar")
    assert not list(tmp_path.glob("b.tar*"))


def test_a_built_in_is_not_packed(tmp_path):
    card = Card(id="hog", task="detect", runtime="builtin", recipe=Recipe(resize="none"))
    with pytest.raises(errors.CardError, match="got 'hog', a built-in"):
        bundles.pack([card], tmp_path / "b.tar")


def test_a_bundle_that_cannot_be_written_is_an_error(hub, tmp_path):
    store.ensure(repo_card(hub))
    with pytest.raises(errors.OutputError, match="bundle must be writable"):
        bundles.pack([repo_card(hub)], tmp_path / "no-such-folder" / "b.tar")


@pytest.mark.parametrize("content", [None, b"", b"not a tar", bytes(20_000)])
def test_what_is_no_bundle_is_refused(hub, tmp_path, content):
    if content is not None:
        (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(errors.ModelFileError, match=r"b.tar: expected .*, got .*; copy the bundle again"):
        bundles.install(tmp_path / "b.tar")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_bundle_cut_in_half_installs_nothing(packed, elsewhere, tmp_path, share):
    elsewhere()
    data = packed.read_bytes()
    packed.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(errors.ModelFileError, match=r"expected .* got"):
        bundles.install(packed)
    assert not models_in(tmp_path)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_flipped_byte_in_one_file_installs_none(packed, elsewhere, tmp_path, content):
    elsewhere()
    data = bytearray(packed.read_bytes())
    data[data.rindex(content) + 3] ^= 1
    packed.write_bytes(data)
    with pytest.raises(errors.ModelFileError, match="expected SHA-256"):
        bundles.install(packed)
    assert not models_in(tmp_path)


@pytest.mark.parametrize(
    "keys",
    [
        {"path": "../../../evil"},
        {"path": "/etc/evil"},
        {"etag": "../evil"},
        {"sha256": "../evil"},
        {"bytes": 7},
        {"sha256": "0" * 64},
        {"path": None},
    ],
)
def test_a_manifest_that_lies_installs_nothing(packed, elsewhere, tmp_path, keys):
    elsewhere()
    with pytest.raises(errors.ModelFileError, match=r"b.tar: expected"):
        bundles.install(manifest_with(packed, keys))
    assert not models_in(tmp_path)
    assert not [path for path in tmp_path.rglob("evil")]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "files/x", "README"])
def test_an_archive_that_holds_more_is_refused(packed, elsewhere, tmp_path, name):
    elsewhere()
    with pytest.raises(errors.ModelFileError, match="files named by their hash"):
        bundles.install(rewritten(packed, lambda members: members.update({name: b"x"})))
    assert not models_in(tmp_path)


def test_a_pin_of_this_machine_is_stronger_than_a_bundle(hub, packed, tmp_path, elsewhere):
    store.ensure(url_card(hub, known=False))
    bundles.pack([url_card(hub, known=False)], tmp_path / "b.tar")
    elsewhere()
    notes.note("pin", f"{hub.url}/plain/model.onnx", {"sha256": "0" * 64, "bytes": 1})
    with pytest.raises(errors.ModelFileError, match="as pinned here"):
        bundles.install(tmp_path / "b.tar")
    bundles.install(tmp_path / "b.tar", force=True)
    assert store.ensure(url_card(hub, known=False), offline=True)["model"].read_bytes() == MODEL
