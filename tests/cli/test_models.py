"""`pixwise models`: against a hub on loopback."""

import json
import os
import re
from pathlib import Path

import pytest
from hub_server import DATA, MODEL, Fault
from tiny_encoder import write_encoder

from pixwise import registry
from pixwise.cli.model_rows import megabytes
from pixwise.cli.progress import Arrivals
from pixwise.quantize import int8_of
from pixwise.registry import CardFile

VIT = {
    "config.json": b'{"architectures": ["ViTForImageClassification"], "model_type": "vit", "id2label": {"0": "a"}}',
    "preprocessor_config.json": b'{"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}',
    "model.onnx": MODEL,
    "model.onnx_data": DATA,
}
ADDRESS = ("hf:me/vit", "--task", "classify")


@pytest.fixture
def models(cli, hub):
    """Call `pixwise models …` on a machine with a hub that has hf:me/vit."""
    hub.add("me/vit", VIT)
    return lambda *words: cli("models", *words)


def pulled(models):
    assert models("pull", *ADDRESS).code == 0
    (row,) = [row for row in json.loads(models("where", *ADDRESS, "--json").out) if row["file"] == "model.onnx"]
    return Path(row["where"])


def without_hashes():
    """A card of one file of which nothing is known."""
    return next(
        card for card in registry.cards()
        if card.repo and not card.revision and [file.sha256 for file in card.files] == [""]
    )  # fmt: skip


def test_list_names_every_card_once_and_whole(models):
    ended = models("list")
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == [card.id for card in registry.cards()]
    assert "\x1b" not in ended.out
    assert "…" not in ended.out


def test_list_of_a_task_marks_the_default_and_tells_states(models):
    rows = {row["id"]: row for row in json.loads(models("list", "faces", "--json").out)}
    assert rows["haar-frontal"]["state"] == "built in"
    assert rows["yunet"]["state"] == "not here"
    assert rows["yunet"]["default"]
    assert set(rows["yunet"]) >= {"title", "task", "bytes", "licence", "commercial", "verified"}


def test_a_card_without_hashes_is_unverified_until_it_is_fetched_and_then_ready(models, hub):
    card = without_hashes()
    hub.add(card.repo, {file.path: MODEL for file in card.files})
    assert re.search(rf"^{card.id} .*unverified", models("list").out, re.M)
    assert models("pull", card.id).code == 0
    assert re.search(rf"^{card.id} .*ready +0.3 MB", models("list").out, re.M)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("list", "facs"), "did you mean 'faces'?"),
        (("show", "dfin-s"), "did you mean 'dfine-s'"),
        (("show",), "must be given"),
        (("pul",), "verb must be known, got 'pul'; did you mean 'pull'?"),
        (("pull", "--task", "facs"), "--task must be known, got 'facs'; did you mean 'faces'?"),
        (("pull", "hf:me/vit"), "task of hf:me/vit must be said, got none; add --task"),
        (("pull", "yunet", "--task", "detect"), "must answer 'detect', got one for 'faces'"),
        (("pull", "--task", "quality"), "task must have a model to fetch, got 'quality', which needs none"),
        (("rm", "haar-frontal"), "must be one that is fetched, got 'haar-frontal', a built-in"),
        (("bundle",), "bundle must hold a model, got none on this machine"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(models, words, told):
    ended = models(*words)
    assert ended.code == 2
    assert told in ended.err
    assert ended.err.count("\n") == 1


def test_show_tells_files_with_sizes_hashes_and_states(models):
    ended = models("show", "yunet")
    assert re.search(r"^licence +MIT$", ended.out, re.M)
    file = registry.card("yunet").files[0]
    assert re.search(rf"^{re.escape(file.path)} +model +0.2 MB +{file.sha256} +missing$", ended.out, re.M)
    (told,) = json.loads(models("show", "yunet", "--json").out)
    assert told["files"][0]["sha256"] == file.sha256


def test_pull_tells_a_line_per_file_on_stderr_and_a_row_per_model_on_stdout(models):
    ended = models("pull", *ADDRESS)
    assert ended.err.splitlines() == ["hf:me/vit model.onnx 0.3 MB", "hf:me/vit model.onnx_data 40.0 kB"]
    assert ended.out.split() == ["hf:me/vit", "fetched", "0.3", "MB"]
    assert models("pull", *ADDRESS).out.split()[1:3] == ["was", "here"]


def test_pull_is_json_when_asked(models):
    (row,) = json.loads(models("pull", *ADDRESS, "--json").out)
    assert (row["did"], row["state"], row["licence"]) == ("fetched", "ready", "apache-2.0")


def test_pull_without_ids_means_the_default_of_each_task(models, no_sockets):
    ended = models("pull", "--offline")
    wanted = [card.id for card in registry.cards() if card.default and card.runtime != "builtin"]
    assert ended.code == 3
    assert re.findall(r"^pixwise: ([\w.-]+): model", ended.err, re.M) == wanted


def test_pull_all_means_every_card_of_the_task(models, no_sockets):
    ended = models("pull", "--all", "--task", "detect", "--offline")
    assert len(ended.err.splitlines()) == sum(card.runtime != "builtin" for card in registry.cards("detect"))


def test_pull_repairs_what_is_damaged_and_says_so(models):
    path = pulled(models)
    path.write_bytes(MODEL[::-1])
    ended = models("pull", *ADDRESS)
    assert "pixwise: hf:me/vit is damaged and is fetched again" in ended.err
    assert path.read_bytes() == MODEL


def test_pull_offline_says_what_is_damaged(models, request):
    pulled(models).write_bytes(MODEL[::-1])
    request.getfixturevalue("no_sockets")
    ended = models("pull", *ADDRESS, "--offline")
    assert ended.code == 3
    assert "model.onnx: expected SHA-256" in ended.err


def test_pull_force_asks_again_what_a_branch_means(models, hub):
    assert pulled(models).read_bytes() == MODEL
    hub.add("me/vit", VIT | {"model.onnx": MODEL[::-1]})
    assert pulled(models).read_bytes() == MODEL
    assert models("pull", *ADDRESS, "--force").code == 0
    assert pulled(models).read_bytes() == MODEL[::-1]


def test_a_pull_that_fails_is_one_line_and_code_3(models, hub):
    hub.faults.append(Fault("GET /cdn", status=404, times=-1))
    ended = models("pull", *ADDRESS)
    assert ended.code == 3
    assert ended.err.startswith("pixwise: file must be there, got HTTP status 404")
    assert ended.err.count("\n") == 1


def test_a_licence_must_be_accepted_by_name(models, hub):
    hub.add("me/vit", VIT, licence="cc-by-nc-4.0")
    ended = models("pull", *ADDRESS)
    assert ended.code == 3
    assert "got cc-by-nc-4.0 that forbids commercial use; add --accept-licence hf:me/vit" in ended.err
    assert models("pull", *ADDRESS, "--accept-licence", "hf:me/vit").code == 0


def test_verify_reads_every_byte_again(models):
    path = pulled(models)
    assert models("verify", *ADDRESS).code == 0
    status = path.stat()
    path.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    ended = models("verify", *ADDRESS)
    assert ended.code == 3
    assert re.search(r"model.onnx +damaged$", ended.out, re.M)
    assert "run: pixwise models pull hf:me/vit" in ended.err


def test_verify_without_ids_looks_at_what_is_here(models, hub):
    assert models("verify").out == "no fetched models on this machine\n"
    card = without_hashes()
    hub.add(card.repo, {file.path: MODEL for file in card.files})
    models("pull", card.id)
    assert {row["id"] for row in json.loads(models("verify", "--json").out)} == {card.id}


def test_rm_makes_room(models, tmp_path):
    path = pulled(models)
    ended = models("rm", *ADDRESS)
    assert re.match(r"hf:me/vit  removed  0.3 MB freed", ended.out)
    assert not path.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size >= len(DATA)]


def test_where_tells_the_folders(models, tmp_path):
    told = json.loads(models("where", "--json").out)
    assert told == {"hub": str(tmp_path / "hf" / "hub"), "own": str(tmp_path / "px")}
    assert str(tmp_path / "px") in models("where").out


def test_a_bundle_carries_models_to_a_machine_without_a_network(models, tmp_path, monkeypatch, request):
    pulled(models)
    assert (
        models("bundle", *ADDRESS, "-o", "b.tar").out.splitlines()[-1]
        == "written: b.tar; there: pixwise models import b.tar"
    )
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf2"))
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "px2"))
    request.getfixturevalue("no_sockets")
    assert models("import", "b.tar").out.split()[:2] == ["hf:me/vit", "installed"]
    assert models("verify", *ADDRESS).code == 0


@pytest.mark.parametrize("verb", ["list", "show", "pull", "verify", "rm", "where", "bundle", "import"])
def test_every_verb_has_help_and_json(models, verb):
    ended = models(verb, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert re.search(r"^  3 +A model is missing or damaged", ended.out, re.M)


def test_a_terminal_sees_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Arrivals("tiny") as arrivals:
        arrivals(CardFile("m.onnx"), 500_000, 1_000_000)
        arrivals(CardFile("m.onnx"), 1_000_000, 1_000_000)
    assert "tiny m.onnx" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "text"), [(40_000, "40.0 kB"), (3_659_407, "3.7 MB"), (2e9, "2,000.0 MB")])
def test_sizes_are_told_in_megabytes(count, text):
    assert megabytes(count) == text


def test_rm_of_what_is_not_here_says_so(models):
    ended = models("rm", "yunet")
    assert (ended.code, ended.out.split(maxsplit=1)) == (0, ["yunet", "was not here\n"])


@pytest.mark.parametrize("verb", ["where", "verify"])
def test_a_built_in_has_no_files_and_that_is_said(models, verb):
    assert models(verb, "hog-people") == (0, "", "pixwise: hog-people is built in, it has no files\n")


def test_the_list_tells_which_model_answers_when(models):
    out = models("list", "faces").out
    assert re.search(r"^yunet +faces +by default +not here", out, re.M)
    assert re.search(r"^haar-frontal +faces +without download +built in", out, re.M)


@pytest.fixture
def mine(tmp_path):
    """A folder with a model of one's own."""
    for name, content in VIT.items():
        (tmp_path / "mine" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(content)
    return "./mine"


def test_a_folder_of_ones_own_is_shown_found_and_verified(models, mine):
    (told,) = json.loads(models("show", mine, "--json").out)
    assert (told["task"], told["folder"], [file["state"] for file in told["files"]]) == ("classify", "mine", ["ok"] * 2)
    assert models("where", mine).out.split()[:2] == ["mine/model.onnx", "ok"]
    assert models("verify", mine).code == 0


def test_a_folder_of_ones_own_is_neither_pulled_nor_removed(models, mine):
    told = models("pull", mine)
    assert (told.code, "must be one that is fetched, got 'mine', a folder of its own; check it" in told.err) == (
        2,
        True,
    )
    told = models("rm", mine)
    assert (told.code, "one in a folder of its own; delete the folder" in told.err) == (2, True)


@pytest.fixture
def copied(cli, tmp_path, monkeypatch):
    """A model of one's own with its 8-bit copy: the command, the folder, the copy."""
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    folder = write_encoder(tmp_path / "encoder")
    copy = int8_of(folder / "model.onnx")
    return lambda *words: cli("models", *words, folder), copy


def test_copies_are_shown_where_the_files_are_and_verified_with_them(copied):
    models, copy = copied
    assert str(copy) in models("where").out
    assert re.search(r"encoder +model.onnx, as int8 +ok", models("verify").out)
    copy.write_bytes(b"broken")
    code, _, err = models("verify")
    assert (code, "damaged ones of encoder; the next run with --precision int8 makes them again" in err) == (3, True)


def test_copies_are_removed_with_their_model(models):
    folder = pulled(models).parent
    copy = int8_of(write_encoder(folder / "other") / "model.onnx")
    mine = folder / copy.name
    copy.rename(mine)
    assert models("rm", *ADDRESS).code == 0
    assert not mine.exists()


@pytest.mark.parametrize("task", ["zeroshot", "moderate"])
def test_a_task_that_takes_the_cards_of_another_lists_those_that_have_its_parts(models, task):
    rows = {row["id"]: row for row in json.loads(models("list", task, "--json").out)}
    seeing = {row["id"]: row for row in json.loads(models("list", "embed", "--json").out)}
    assert (rows["clip-b32"]["verified"], seeing["clip-b32"]["verified"]) == (False, True)  # of its tokenizer: no hash
    assert set(seeing) - set(rows) >= {"look", "dinov2-base"}  # these read no texts


def test_a_pull_for_a_task_brings_the_parts_it_runs(models, no_sockets):
    parts = registry.card("clip-b32", "zeroshot").files
    ended = models("pull", "--task", "zeroshot", "--offline")
    assert (ended.code, f"while offline, got {len(parts)} of {len(parts)} files" in ended.err) == (3, True)
    assert "that is a task" in models("pull", "zeroshot").err
