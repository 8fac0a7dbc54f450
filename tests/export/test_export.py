"""From a checkpoint to a folder: what is written, what is refused, and that nothing is left half-done."""

import json
import os
import subprocess
import sys
import tomllib
from hashlib import file_digest
from pathlib import Path

import numpy as np
import onnx
import pytest
import tokenizers
import torch
from export import checkpoints
from onnx import TensorProto, helper, numpy_helper

from pixwise.errors import CardError, ModelFileError, ModelMissingError, OptionError, OutputError
from pixwise.export import export, folder
from pixwise.export.families import FAMILIES
from pixwise.export.precision import reduce_to
from pixwise.tasks.classify import Classifier
from pixwise.tasks.embed import Embedder

BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def vit(cases, tmp_path):
    """The folder of a checkpoint, to be spoiled."""
    folder = tmp_path / "vit"
    folder.mkdir()
    for path in cases("vit").source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def card_of(case):
    return tomllib.loads((case.done.folder / "card.toml").read_text())


def python(code, *args):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False, timeout=100
    )


def test_the_card_tells_every_file_with_its_bytes_and_hash(cases):
    folder, files = cases("clip").done.folder, card_of(cases("clip"))["files"]
    assert {file["path"] for file in files} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {"card.toml"}
    for file in files:
        with open(folder / file["path"], "rb") as opened:
            assert file_digest(opened, "sha256").hexdigest() == file["sha256"]
        assert (folder / file["path"]).stat().st_size == file["bytes"]


def test_the_parts_of_clip_are_named(cases):
    parts = {file.get("part"): file["path"] for file in card_of(cases("clip"))["files"] if "part" in file}
    assert parts == {
        "model": "onnx/vision_model.onnx",
        "text": "onnx/text_model.onnx",
        "tokenizer": "tokenizer.json",
    }


def test_what_the_towers_lack_is_in_the_card(cases):
    options = card_of(cases("siglip"))["options"]
    assert options["logit_scale"] == pytest.approx(cases("siglip").model.logit_scale.exp().item())
    assert options["logit_bias"] == pytest.approx(cases("siglip").model.logit_bias.item())
    assert (options["text_length"], options["fill_text"], options["pad_token"]) == (24, True, "[END]")


def test_begin_and_end_of_a_caption_are_in_the_card(cases):
    assert card_of(cases("blip"))["options"] == {"start_id": 4, "end_id": 2, "context": 24}
    assert card_of(cases("vit_gpt2"))["options"] == {"start_id": 1, "end_id": 45, "context": 24}


def test_what_is_done_is_told_line_by_line(cases):
    lines = cases("blip").lines
    assert lines[0].endswith("blip: BLIP, for the task caption")
    assert any(line.startswith("decoder: onnx/decoder_model.onnx, 0.") for line in lines)
    assert any("logits differs by" in line and "(runs: 2x2, 3x3, 1x1)" in line for line in lines)
    assert lines[-1] == "licence: the checkpoint does not tell; find out before you use it"


def test_the_licence_of_the_checkpoint_comes_along(vit, tmp_path):
    (vit / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-nc-4.0\n---\n# A model\n")
    assert export(vit, tmp_path / "out").licence == "CC-BY-NC-4.0"
    card = tomllib.loads((tmp_path / "out" / "card.toml").read_text())
    assert (card["licence"], card["commercial"]) == ("CC-BY-NC-4.0", False)


def test_a_changed_byte_is_seen_when_the_folder_is_loaded(vit, tmp_path):
    path = export(vit, tmp_path / "out").folder / "onnx" / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="expected SHA-256"):
        Classifier.load(str(tmp_path / "out"))


def test_pixels_are_compared_with_the_own_processor(cases, vit, tmp_path):
    row = cases("vit").done.differences[0]
    assert (row.part, row.output, row.shapes) == ("recipe", "pixel_values", "1x3x96x96")
    assert row.share < 1e-5
    path = vit / "preprocessor_config.json"
    odd = {"image_processor_type": "PerceiverImageProcessor", "size": 96, "crop_size": 128}
    path.write_text(json.dumps({**odd, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    with pytest.raises(CardError, match=r"those of the checkpoint's own processor within 0\.03, got"):
        export(vit, tmp_path / "out")


def test_a_processor_that_does_not_run_here_is_said(vit, tmp_path):
    path = vit / "preprocessor_config.json"
    odd = {"image_processor_type": "MyOwnImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    path.write_text(json.dumps({**json.loads(path.read_text()), **odd}))
    lines = []
    export(vit, tmp_path / "out", progress=lines.append)
    assert "pixels: not compared, transformers has no processor of this checkpoint that runs here" in lines


def test_a_given_picture_is_looked_at(vit, tmp_path, photo):
    assert export(vit, tmp_path / "out", picture=photo).differences[-1].share < 1e-4


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_fewer_bits_are_said_and_take_less_room(cases, precision):
    whole, less = cases("vit").done, cases("vit", precision=precision).done
    assert less.bytes < whole.bytes
    assert Classifier.load(str(less.folder)).card.precision == precision
    assert max(row.share for row in less.differences) > max(row.share for row in whole.differences)


def test_weights_that_16_bits_cannot_hold_stay(tmp_path):
    weights = {"large": 1e6, "small": 1e-9, "usual": 0.1}
    arrays = [numpy_helper.from_array(np.full(2000, each, np.float32), name) for name, each in weights.items()]
    graph = helper.make_graph([], "weights", [], [], arrays)
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    reduce_to("fp16", tmp_path / "model.onnx")
    kept = {each.name: each.data_type for each in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert kept == {"large": TensorProto.FLOAT, "small": TensorProto.FLOAT, "usual_16": TensorProto.FLOAT16}


def test_eight_bits_of_a_family_with_a_wide_tolerance_are_held_to_a_tenth(cases, tmp_path):
    with pytest.raises(ModelFileError, match=r"must answer as the checkpoint within 0\.1, got"):
        export(cases("d_fine").source, tmp_path / "out", precision="int8")


def test_eight_bits_that_change_the_answer_are_refused(cases, tmp_path):
    with pytest.raises(ModelFileError, match=r"within 0\.1, got .* use --precision fp32"):
        export(cases("rt_detr").source, tmp_path / "out", precision="int8")


# ---------------------------------------------------------------------------------------------------------------------
# What does not answer as the checkpoint is not written


def spoiled(name, spoil):
    """The row of a family whose wrapper has a fault."""
    row = next(row for row in FAMILIES if name in row.model_types)

    def parts(given):
        made = row.parts(given)
        return [spoil(part) for part in made]

    return [row._replace(parts=parts)]


class Wrong(torch.nn.Module):
    """Adds a little to the first output."""

    def __init__(self, wrapper, much):
        super().__init__()
        self.wrapper, self.much = wrapper, much

    def forward(self, *inputs):
        first, *others = self.wrapper(*inputs)
        return (first + self.much, *others)


class Numbered(torch.nn.Module):
    """A planted fault of tracing: the batch becomes a number."""

    def __init__(self, wrapper, much):
        super().__init__()
        self.wrapper, self.count = wrapper, much

    def forward(self, *inputs):
        return tuple(output[: self.count] for output in self.wrapper(*inputs))


def with_wrapper(cls, much):
    def spoil(part):
        object.__setattr__(part, "wrapper", cls(part.wrapper, much))
        return part

    return spoil


def test_above_the_tolerance_nothing_is_written(cases, tmp_path):
    families = spoiled("vit", with_wrapper(Wrong, 0.1))
    with pytest.raises(
        ModelFileError, match=r"within 0\.001, got .* for 'logits' of part 'model'; nothing was written"
    ):
        export(cases("vit").source, tmp_path / "out", families=families)
    assert list(tmp_path.iterdir()) == []


def test_who_can_bear_it_raises_the_tolerance(cases, tmp_path):
    families = spoiled("vit", with_wrapper(Wrong, 0.1))
    assert export(cases("vit").source, tmp_path / "out", families=families, tolerance=1.0).folder.is_dir()


@pytest.mark.parametrize("name", ["vit", "clip", "blip", "rt_detr"])
def test_a_batch_that_became_a_number_is_seen(cases, tmp_path, name):
    with pytest.raises(ModelFileError, match="became a number while it was traced"):
        export(cases(name).source, tmp_path / "out", families=spoiled(name, with_wrapper(Numbered, 2)))


def test_a_decoder_that_forgets_what_it_read_is_seen(cases, tmp_path):
    class Forgetful(torch.nn.Module):
        def __init__(self, wrapper, much):
            super().__init__()
            self.wrapper = wrapper

        def forward(self, ids, *kept):
            layers = self.wrapper.layers
            blank = [kept[n] * (0 if n < 2 * layers else 1) for n in range(len(kept))]
            logits, *others = self.wrapper(ids, *blank)
            return logits, *others

    families = spoiled("blip", lambda part: with_wrapper(Forgetful, 0)(part) if part.name == "decoder" else part)
    with pytest.raises(ModelFileError, match="export must answer as the checkpoint"):
        export(cases("blip").source, tmp_path / "out", families=families)


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be exported


def test_an_unknown_kind_of_model_is_told_which_are_known(vit, tmp_path):
    (vit / "config.json").write_text(json.dumps({"model_type": "yolos", "architectures": ["YolosModel"]}))
    with pytest.raises(CardError, match=r"must be one of clip, .*blip.*, got 'yolos' \(YolosModel\); choose another"):
        export(vit, tmp_path / "out")


def test_a_task_that_the_checkpoint_cannot_do_is_told(cases, tmp_path):
    with pytest.raises(OptionError, match=r"\(vit\) must be classify or embed, got 'ocr'; leave --task out"):
        export(cases("vit").source, tmp_path / "out", task="ocr")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int4"}, "precision must be one of fp32, fp16, int8, got 'int4'"),
        ({"tolerance": -1.0}, "tolerance must be a number from 0 up, got -1.0"),
        ({"tolerance": float("nan")}, "tolerance must be a number from 0 up, got nan"),
        ({"task": "clasify"}, "task must be known, got 'clasify'; did you mean 'classify'"),
    ],
)
def test_options_are_checked_first(tmp_path, options, words):
    with pytest.raises(OptionError, match=words):
        export("nowhere", tmp_path / "out", **options)


def test_a_source_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelMissingError, match="source must be a folder or owner/name on the hub, got 'nowhere'"):
        export("nowhere", tmp_path / "out")


def test_offline_the_hub_is_not_asked(tmp_path):
    code = f"from pixwise.export import export; export('owner/none', {str(tmp_path / 'out')!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ModelMissingError: owner/none: expected a checkpoint on this machine or the hub, got" in done.stderr


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "expected config.json, got none"),
        (lambda folder: (folder / "config.json").write_text("{"), "expected JSON, got"),
        (lambda folder: (folder / "config.json").write_text("[]"), "expected a JSON object, got list"),
        (lambda folder: (folder / "model.safetensors").unlink(), "expected model.safetensors, got none"),
        (
            lambda folder: (folder / "preprocessor_config.json").unlink(),
            "expected preprocessor_config.json, got none, and no processor_config.json that transformers can read",
        ),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text("{"),
            "preprocessor_config.json of .*, got Exp",
        ),
    ],
)
def test_what_a_checkpoint_lacks_is_told(vit, tmp_path, spoil, words):
    spoil(vit)
    with pytest.raises(CardError, match=words):
        export(vit, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_cut_off_are_told(vit, tmp_path):
    path = vit / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match="expected a checkpoint that transformers can load"):
        export(vit, tmp_path / "out")


def test_a_head_that_was_never_trained_is_not_exported(cases, tmp_path):
    source = checkpoints.save("vit", cases("vit").model.vit, tmp_path / "vit")
    words = r"weights must be whole for AutoModelForImageClassification, got none for 2 \(classifier.bias"
    with pytest.raises(CardError, match=words):
        export(source, tmp_path / "out", task="classify")


def test_words_without_a_tokenizer_are_told(cases, tmp_path):
    source = checkpoints.save("clip", cases("clip").model, tmp_path / "clip")
    (source / "tokenizer.json").unlink()
    with pytest.raises(CardError, match=r"expected tokenizer\.json, got none of another form"):
        export(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tokenizer.json", "{", "expected a tokenizer.json, got EOF"),
        ("tokenizer.json", None, r"which has \d+ words, got one with 3000; copy it"),
        ("generation_config.json", "{", "generation_config.json of .*: expected JSON, got"),
        ("generation_config.json", '{"num_beams": "x"}', "folder that can be loaded, got: .* options.beams must be"),
    ],
    ids=["cut", "other", "no_json", "no_number"],
)
def test_what_could_not_be_loaded_is_not_written(cases, tmp_path, name, content, words):
    source = checkpoints.save("blip", cases("blip").model, tmp_path / "blip")
    (source / name).write_text(words_of_another_model() if content is None else content)
    with pytest.raises((CardError, ModelFileError), match=words):
        export(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["blip"]


def words_of_another_model():
    made = tokenizers.models.WordLevel({f"word{number}": number for number in range(3000)}, unk_token="word0")
    return tokenizers.Tokenizer(made).to_str()


# ---------------------------------------------------------------------------------------------------------------------
# Where it is written


@pytest.mark.parametrize("out", [".", "..", "x/.."])
def test_an_output_without_a_name_is_refused(vit, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="output must have a name"):
        export(vit, out)


def test_an_earlier_export_stays_when_the_new_one_cannot_take_its_place(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "card.toml").write_text("mine")
    with pytest.raises(FileNotFoundError):
        folder._put(tmp_path / ".out.part", tmp_path / "out")  # which is not there
    assert (tmp_path / "out" / "card.toml").read_text() == "mine"


def test_a_folder_with_files_is_not_written_over(cases, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="must be a new folder, got one with files"):
        export(cases("vit").source, tmp_path)
    with pytest.raises(OutputError, match=r"--force replaces only a folder with a card\.toml"):
        export(cases("vit").source, tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_export_is_replaced_when_told_so(cases, tmp_path):
    export(cases("vit").source, tmp_path / "out")
    (tmp_path / "out" / "old.txt").write_text("old")
    export(cases("vit").source, tmp_path / "out", task="embed", force=True)
    assert Embedder.load(str(tmp_path / "out")).card.head == "cls"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "old.txt").exists()


def test_a_killed_export_leaves_nothing_that_looks_whole(cases, tmp_path):
    code = """
import os, signal, sys
from pixwise.export import export
export(sys.argv[1], sys.argv[2], progress=lambda line: os.kill(os.getpid(), signal.SIGKILL) if "differs" in line else 0)
"""
    assert python(code, cases("vit").source, tmp_path / "out").returncode == -9
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".out.")
    assert list(tmp_path.rglob("card.toml")) == []


# ---------------------------------------------------------------------------------------------------------------------
# With torch and without


def test_the_folder_runs_where_torch_cannot_be_imported(cases, photo):
    code = BLOCKED + (
        "import numpy as np\nfrom pixwise.samples import photo_like\nfrom pixwise.tasks.embed import Embedder\n"
        "print(Embedder.load(sys.argv[1], exact=True)(photo_like(480, 640)).vector.tolist())\n"
        "assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)"
    )
    folder = cases("clip").done.folder
    done = python(code, folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == pytest.approx(Embedder.load(str(folder), exact=True)(photo).vector.tolist())


@pytest.mark.parametrize(
    ("task", "options", "name"),
    [("Captioner", "max_tokens=8", "blip"), ("Detector", "", "d_fine"), ("Classifier", "top=2", "convnext")],
)
def test_other_tasks_run_without_torch_as_well(cases, task, options, name):
    code = BLOCKED + (
        "import pixwise\nfrom pixwise.samples import photo_like\n"
        f"task = pixwise.{task}.load(sys.argv[1], {options})\n"
        "print(task(photo_like(480, 640)).to_dict()['model']['id'])"
    )
    done = python(code, cases(name).done.folder)
    assert (done.stdout, done.stderr) == ("out\n", "")


def test_without_torch_the_extra_is_named(tmp_path):
    code = BLOCKED + "from pixwise.export import export\nexport('owner/name', sys.argv[1])"
    said = python(code, tmp_path / "out").stderr
    assert (
        "SetupError: export needs the package torch, got torch is not installed; run: pip install 'pixwise[torch]'"
        in said
    )
    assert not (tmp_path / "out").exists()


def test_importing_the_room_imports_no_torch():
    done = python("import sys, pixwise.export, pixwise.cli.export; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False"


def test_nothing_of_the_exporter_reaches_the_screen(cases, tmp_path):
    code = "import sys; from pixwise.export import export; export(sys.argv[1], sys.argv[2])"
    done = python(code, cases("blip").source, tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Path(tmp_path / "out" / "card.toml").exists()
