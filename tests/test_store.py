"""Models are fetched once, found again, held to their hashes, and never asked for while offline."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hub_server import DATA, FILES, MODEL, repo_card, sha, url_card

from pixwise import errors, registry, store
from pixwise.fetching import notes
from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile
from pixwise.tasks.classify import Classifier


def test_a_repository_is_fetched_once_and_then_found(hub):
    card = repo_card(hub)
    assert store.find(card) is None
    path = store.ensure(card)["model"]
    assert path.read_bytes() == MODEL
    assert (path.parent / "model.onnx_data").read_bytes() == DATA
    asked = len(hub.log)
    assert store.ensure(card) == store.find(card) == {"model": path}
    assert len(hub.log) == asked


def test_huggingface_hub_finds_what_we_fetched(hub, tmp_path):
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    path = store.ensure(repo_card(hub, known=False))["model"]
    cache = tmp_path / "hf" / "hub"
    assert try_to_load_from_cache("owner/name", "onnx/model.onnx", cache_dir=cache, revision="main") == str(path)
    scanned = scan_cache_dir(cache)
    assert not scanned.warnings
    assert scanned.size_on_disk == sum(map(len, FILES.values()))


@pytest.mark.parametrize("known", [True, False])
def test_we_find_what_huggingface_hub_fetched(hub, tmp_path, known):
    from huggingface_hub import hf_hub_download

    for path in FILES:
        hf_hub_download("owner/name", path, endpoint=hub.url, cache_dir=tmp_path / "hf" / "hub", token=False)
    asked = len(hub.log)
    assert store.ensure(repo_card(hub, known=known), offline=True)["model"].read_bytes() == MODEL
    assert len(hub.log) == asked


def test_a_plain_address_is_fetched_and_verified(hub):
    card = url_card(hub)
    path = store.ensure(card)["model"]
    assert path.read_bytes() == MODEL
    assert path.is_relative_to(notes.home())
    assert store.is_ready(card)


def test_progress_is_told_while_bytes_arrive(hub):
    told = []
    store.ensure(url_card(hub), progress=lambda file, here, total: told.append((file.path, here, total)))
    assert told[-1] == ("model.onnx", len(MODEL), len(MODEL))


# Offline


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_opens_no_socket_and_says_how_to_fetch(hub, monkeypatch, no_sockets, how):
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        errors.ModelMissingError, match=r"3 of 3 files missing; run .*: pixwise models pull tiny"
    ) as caught:
        store.ensure(repo_card(hub, task="faces"), offline=True if how == "argument" else None)
    assert str(caught.value).endswith(
        "or use the built-in 'haar-frontal', which needs no fetch (command line: --model haar-frontal)"
    )


def test_offline_answers_with_what_is_here(hub, request):
    store.ensure(repo_card(hub))
    request.getfixturevalue("no_sockets")
    assert store.ensure(repo_card(hub), offline=True)["model"].read_bytes() == MODEL
    assert store.ensure(repo_card(hub))["model"].read_bytes() == MODEL


def test_the_argument_is_stronger_than_the_environment(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert store.ensure(repo_card(hub), offline=False)


def test_looking_never_opens_a_socket(hub, no_sockets):
    assert store.find(repo_card(hub)) is None
    assert not store.is_ready(repo_card(hub, known=False))


def test_offline_and_force_is_a_contradiction(hub, no_sockets):
    with pytest.raises(errors.OptionError, match="force needs a network to fetch 'tiny' anew, got offline too"):
        store.ensure(repo_card(hub), offline=True, force=True)


# Licences


def test_a_non_commercial_licence_must_be_accepted_by_name(hub, no_sockets):
    card = repo_card(hub, commercial=False, licence="CC-BY-NC-4.0")
    with pytest.raises(errors.LicenceError, match=r"got CC-BY-NC-4.0 that forbids.*--accept-licence tiny"):
        store.ensure(card, accept_licence="tiny-but-another")


@pytest.mark.parametrize("accepted", ["tiny", ["tiny"]])
def test_an_accepted_licence_is_accepted(hub, accepted):
    card = repo_card(hub, commercial=False, licence="CC-BY-NC-4.0")
    assert store.ensure(card, accept_licence=accepted)["model"].read_bytes() == MODEL


# What nobody has written down


@pytest.mark.parametrize("card", [repo_card, url_card])
def test_the_first_fetch_pins_what_came(hub, card):
    path = store.ensure(card(hub, known=False))["model"]
    os.utime(path, (1, 1))
    assert store.ensure(card(hub, known=False), offline=True)["model"] == path
    path.write_bytes(MODEL[:-1] + b"!")
    with pytest.raises(errors.ModelFileError, match=r"expected SHA-256 .*pull (tiny|plain) --force"):
        store.ensure(card(hub, known=False), offline=True)


def test_the_first_fetch_pins_the_commit(hub):
    first = store.ensure(repo_card(hub, known=False))
    hub.add("owner/name", FILES | {"onnx/model.onnx": MODEL[::-1]})
    assert store.ensure(repo_card(hub, known=False)) == first
    assert store.ensure(repo_card(hub, known=False), force=True)["model"].read_bytes() == MODEL[::-1]


def test_a_pinned_commit_stays_when_another_program_moves_the_branch(hub, tmp_path):
    from huggingface_hub import hf_hub_download

    first = store.ensure(repo_card(hub, known=False))
    hub.add("owner/name", FILES | {"onnx/model.onnx": MODEL[::-1]})
    hf_hub_download("owner/name", "config.json", endpoint=hub.url, cache_dir=tmp_path / "hf" / "hub", token=False)
    assert store.ensure(repo_card(hub, known=False), offline=True) == first


# Damage


def flip(path, restore_time=False):
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns if restore_time else status.st_mtime_ns + 1))


@pytest.mark.parametrize("card", [repo_card, url_card])
@pytest.mark.parametrize("restore_time", [False, True])
def test_a_flipped_byte_is_noticed_before_the_file_is_opened(hub, card, restore_time):
    flip(store.ensure(card(hub))["model"], restore_time)
    assert store.find(card(hub)) is None
    with pytest.raises(
        errors.ModelFileError, match=r"model.onnx: expected SHA-256 .*, got .*; fetch it again: pixwise"
    ):
        store.ensure(card(hub))


@pytest.mark.parametrize("card", [repo_card, url_card])
def test_force_fetches_anew_what_is_whole(hub, card):
    store.ensure(card(hub))
    asked = len(hub.asked("GET"))
    assert store.ensure(card(hub), force=True)["model"].read_bytes() == MODEL
    assert len(hub.asked("GET")) == 2 * asked


def test_force_replaces_a_damaged_file(hub):
    flip(store.ensure(repo_card(hub))["model"])
    assert store.ensure(repo_card(hub), force=True)["model"].read_bytes() == MODEL


def test_a_model_without_its_sibling_is_not_ready(hub):
    path = store.ensure(repo_card(hub))["model"]
    (path.parent / "model.onnx_data").unlink()
    assert not store.is_ready(repo_card(hub))
    with pytest.raises(errors.ModelMissingError, match="1 of 3 files missing"):
        store.ensure(repo_card(hub), offline=True)
    store.ensure(repo_card(hub))
    assert not hub.asked("GET /cdn/owner/name/onnx/model.onnx_data")[1:]


# Making room


def test_removing_a_model_keeps_what_another_needs(hub):
    other = next(
        card for card in registry.cards() if card.repo and not card.revision and not any(f.sha256 for f in card.files)
    )
    hub.add(other.repo, {file.path: MODEL for file in other.files})
    store.ensure(other)
    assert store.remove(replace(other, id="twin")) == 0
    assert store.is_ready(other)
    assert store.remove(other) == len(MODEL) * len(other.files)
    assert not store.is_ready(other)


@pytest.mark.parametrize("keys", [{"folder": "mine"}, {"runtime": "builtin"}])
def test_what_was_not_fetched_is_not_removed(hub, keys):
    with pytest.raises(
        errors.CardError, match=r"must be one that is fetched, got 'tiny', (a built-in|one in a folder)"
    ):
        store.remove(repo_card(hub, **keys))


# A repository without a card


CONFIGS = {
    "config.json": b'{"architectures": ["ViTForImageClassification"], "model_type": "vit", "id2label": {"0": "a"}}',
    "preprocessor_config.json": b'{"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}',
}


def test_a_repository_becomes_a_card(hub):
    commit = hub.add("me/vit", CONFIGS | {"onnx/model.onnx": MODEL, "onnx/model.onnx_data": DATA, "README.md": b""})
    card = store.card_of_repo("hf:me/vit", "classify")
    assert (card.repo, card.revision, card.licence, card.names) == ("me/vit", commit, "apache-2.0", ("a",))
    assert store.ensure(card)["model"].read_bytes() == MODEL
    assert {file.path: file.sha256 for file in card.files}["onnx/model.onnx_data"] == sha(DATA)


def write_classifier(folder):
    """model.onnx, whose one logit is the sum of an 8 x 8 picture, and its weights in model.onnx_data."""
    from onnx import helper, numpy_helper, save

    pixels = helper.make_tensor_value_info("pixel_values", 1, ["n", 3, 8, 8])
    logits = helper.make_tensor_value_info("logits", 1, ["n", 1])
    weights = numpy_helper.from_array(np.ones((192, 1), np.float32), "w")
    nodes = [("Flatten", ["pixel_values"], ["flat"]), ("MatMul", ["flat", "w"], ["logits"])]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "sum", [pixels], [logits], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = folder / "model.onnx"
    save(model, path, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    return {name: (folder / name).read_bytes() for name in ("model.onnx", "model.onnx_data")}


def test_a_repository_answers_though_its_weights_lie_beside_the_model(hub, tmp_path):
    hub.add("me/vit", CONFIGS | write_classifier(tmp_path))
    answer = Classifier.load("hf:me/vit")(np.zeros((8, 8, 3), np.uint8))
    assert (answer.model.id, answer.model.licence, list(answer.labels)) == ("hf:me/vit", "apache-2.0", ["a"])


def test_a_repository_once_fetched_is_a_card_offline(hub, request):
    hub.add("me/vit", CONFIGS | {"model.onnx": MODEL})
    card = store.card_of_repo("hf:me/vit", "classify")
    store.ensure(card)
    request.getfixturevalue("no_sockets")
    again = store.card_of_repo("hf:me/vit", "classify", offline=True)
    assert again == card
    assert store.is_ready(again)


def test_a_repository_that_huggingface_hub_fetched_is_a_card_offline(hub, tmp_path):
    from huggingface_hub import hf_hub_download

    commit = hub.add("me/vit", CONFIGS | {"model.onnx": MODEL})
    for path in hub.repos["me/vit"].files:
        hf_hub_download("me/vit", path, endpoint=hub.url, cache_dir=tmp_path / "hf" / "hub", token=False)
    card = store.card_of_repo("hf:me/vit", "classify", offline=True)
    assert card.revision == commit
    assert store.ensure(card, offline=True)["model"].read_bytes() == MODEL


def test_a_repository_not_here_is_an_error_offline(hub, no_sockets):
    with pytest.raises(
        errors.ModelMissingError, match=r"no such repository in the cache; .*pull hf:me/vit --task classify"
    ):
        store.card_of_repo("hf:me/vit", "classify", offline=True)


@pytest.mark.parametrize("address", ["hf:vit", "hf:a/b/c", "hf:../../etc", "hf:me/vit@"])
def test_an_address_of_the_hub_has_a_form(address):
    with pytest.raises(errors.CardError, match=r"must be hf:owner/name or hf:owner/name@revision, got .*; copy"):
        store.card_of_repo(address, "classify")


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "cc-by-nc-sa-4.0", "some-non-commercial"])
def test_a_repository_under_a_non_commercial_licence_must_be_accepted(hub, licence):
    hub.add("me/vit", CONFIGS | {"model.onnx": MODEL}, licence=licence)
    with pytest.raises(errors.LicenceError, match=licence):
        store.ensure(store.card_of_repo("hf:me/vit", "classify"))


# A folder of one's own


def test_a_folder_is_mapped_and_not_fetched(hub, tmp_path, no_sockets):
    (tmp_path / "m.onnx").write_bytes(MODEL)
    card = repo_card(hub, repo="", revision="", files=(CardFile("m.onnx", "model"),), folder=str(tmp_path))
    assert store.ensure(card) == store.find(card) == {"model": tmp_path / "m.onnx"}


@pytest.mark.parametrize(
    ("content", "told", "words"),
    [
        (None, {}, "expected a file of model"),
        (b"x", {"sha256": sha(MODEL)}, "expected SHA-256"),
        (b"x", {"bytes": 2}, "expected 2 bytes, got 1"),
    ],
)
def test_a_folder_that_lacks_what_its_card_says_is_an_error(hub, tmp_path, no_sockets, content, told, words):
    if content:
        (tmp_path / "m.onnx").write_bytes(content)
    file = CardFile("m.onnx", "model", **told)
    with pytest.raises(errors.ModelFileError, match=rf"m.onnx: {words}.*copy it there again"):
        store.ensure(repo_card(hub, repo="", revision="", files=(file,), folder=str(tmp_path)))


def test_a_path_that_leads_out_of_the_folder_is_refused(hub, no_sockets):
    with pytest.raises(errors.CardError, match=r"must stay inside its folder, got '../../x'"):
        store.ensure(repo_card(hub, files=(CardFile("../../x", "model"),)))


def test_a_built_in_has_no_files(no_sockets):
    card = Card(id="hog", task="detect", runtime="builtin", recipe=Recipe(resize="none"))
    assert store.ensure(card) == {}
    assert store.is_ready(card)
