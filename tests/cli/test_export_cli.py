"""`pixwise export`: its words, its JSON, its errors."""

import json

import pytest
from export import checkpoints


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return checkpoints.save("vit", checkpoints.make("vit"), tmp_path_factory.mktemp("checkpoint") / "vit")


def test_lines_of_progress_go_to_stderr_and_the_folder_to_stdout(cli, checkpoint):
    code, out, err = cli("export", checkpoint, "-o", "models/mine")
    assert (code, out) == (0, "written: models/mine (0.2 MB); use it: --model models/mine\n")
    assert "ViT, for the task classify" in err
    assert "logits differs by" in err


def test_what_was_written_answers(cli, checkpoint, pictures):
    cli("export", checkpoint, "-o", "mine")
    code, out, _ = cli("classify", pictures / "a.png", "--model", "./mine", "--json")
    assert code == 0
    assert json.loads(out)["model"]["id"] == "mine"


def test_json_tells_every_difference(cli, checkpoint):
    told = json.loads(cli("export", checkpoint, "-o", "mine", "--json").out)
    assert (told["schema"], told["task"], told["folder"]) == ("pixwise/export/1", "classify", "mine")
    assert [row["output"] for row in told["differences"]] == ["pixel_values", "logits"]


def test_errors_are_one_line_with_their_code(cli, checkpoint):
    assert cli("export", "nowhere", "-o", "mine")[0::2] == (
        3,
        "pixwise: source must be a folder or owner/name on the hub, got 'nowhere', nothing of this name; check it\n",
    )
    code, _, err = cli("export", checkpoint, "-o", ".", "--precision", "fp8")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = cli("export", checkpoint, "-o", "mine", "--tolerance", "0")
    assert code == 3
    assert "export must answer as the checkpoint within 0, got" in err
