"""Mask transformers: from a checkpoint to a folder that answers as it does, at other sizes than it was traced with."""

import functools
import json

import pytest
import torch
from export import checkpoints
from oracle import universals

from pixwise.errors import OptionError
from pixwise.export import export
from pixwise.picture import Picture
from pixwise.samples import photo_like
from pixwise.task_table import task_class

pytestmark = pytest.mark.oracle

SIZE = (150, 211)
_WORDS = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
KINDS = {
    "mask2former": "Mask2FormerImageProcessor",
    "maskformer": "MaskFormerImageProcessor",
    "detr_masks": "DetrImageProcessor",
    "oneformer": "OneFormerImageProcessor",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`made("mask2former", "panoptic", "fp32")`: the checkpoint and what was exported from it."""

    @functools.cache
    def checkpoint(name):
        folder, model = tmp_path_factory.mktemp(name), universals.make(name)
        model.save_pretrained(folder)
        size = {"shortest_edge": 100, "longest_edge": 160}
        told = {"image_processor_type": KINDS[name], "size": size}
        (folder / "preprocessor_config.json").write_text(json.dumps(told))
        if name == "oneformer":
            checkpoints.write_tokenizer(folder / "tokenizer.json")
            (folder / "tokenizer_config.json").write_text(json.dumps(_WORDS))
        return model, folder

    @functools.cache
    def case(name, task="", precision="fp32"):
        model, source = checkpoint(name)
        bear = None if precision == "fp32" else 0.05  # random weights carry the rounding of weights far
        out = tmp_path_factory.mktemp("out") / "made"
        return model, export(source, out, task=task, precision=precision, tolerance=bear)

    return case


@pytest.mark.parametrize(
    ("name", "precision"),
    [("mask2former", "fp32"), ("mask2former", "fp16"), ("maskformer", "fp32"), ("detr_masks", "fp32")],
)
def test_segments_are_those_of_the_checkpoint(made, name, precision):
    model, done = made(name, "", precision)
    assert (done.task, done.precision) == ("panoptic", precision)
    task = task_class("panoptic").load(str(done.folder), exact=True, threads=1, min_score=0.2, min_kept=0.05)
    picture = photo_like(*SIZE, seed=31)
    pixels, fit = task.preprocess(Picture.open(picture))
    classes, masks = universals.ask(model, name, torch.from_numpy(pixels["pixel_values"]))
    said = dict(zip(universals.OUTPUTS.get(name, universals._OTHERS), (classes.numpy(), masks.numpy()), strict=True))
    wanted, answer = task.postprocess(said, fit), task(picture)
    assert len(wanted) >= 2
    assert (answer.id_map() == wanted.id_map()).mean() >= (0.999 if precision == "fp32" else 0.98)


def test_a_oneformer_has_its_task_in_its_file(made):
    done = made("oneformer", "semantic")[1]
    assert done.task == "semantic"
    task = task_class("semantic").load(str(done.folder), exact=True, threads=1)
    assert [each.name for each in task.session.inputs()] == ["pixel_values"]
    assert len(task(photo_like(*SIZE, seed=31))) >= 1


def test_the_card_tells_grid_and_names(made):
    task = task_class("instances").load(str(made("mask2former", "instances")[1].folder))
    assert task.card.options == {"grid": 384}
    assert task.card.names == tuple(universals.CLASSES.values())


def test_a_task_that_it_does_not_answer_is_told(made, tmp_path):
    with pytest.raises(OptionError, match="must be panoptic or instances or semantic, got 'embed'"):
        made("mask2former", "embed")
