"""An encoder and a decoder of one precision, chosen from the files of a folder."""

import pytest

from pixwise.own.pairs import card_files, choose_pair

FILES = ["onnx/eye_fp16.onnx", "onnx/eye.onnx", "onnx/mouth.onnx", "onnx/mouth_fp16.onnx", "onnx/mouth_big_fp16.onnx"]


@pytest.mark.parametrize(
    ("onnx", "pair"),
    [
        ("", ("onnx/eye.onnx", "onnx/mouth.onnx")),
        ("onnx/eye_fp16.onnx", ("onnx/eye_fp16.onnx", "onnx/mouth_big_fp16.onnx")),
        ("onnx/mouth_fp16.onnx", ("onnx/eye_fp16.onnx", "onnx/mouth_fp16.onnx")),
        ("onnx/other.onnx", None),
    ],
)
def test_the_plain_pair_is_chosen_or_the_one_that_is_meant(onnx, pair):
    assert choose_pair(FILES, "eye", ("mouth_big", "mouth"), onnx) == pair


def test_files_of_different_precision_are_no_pair():
    assert choose_pair(["eye.onnx", "mouth_fp16.onnx"], "eye", ("mouth",)) is None


def test_external_data_follows_its_file():
    files = card_files({"encoder": "b.onnx", "decoder": "a.onnx"}, ["a.onnx_data", "b.onnx.data", "c.onnx_data"])
    assert [(file.path, file.part) for file in files] == [
        ("b.onnx", "encoder"),
        ("a.onnx", "decoder"),
        ("b.onnx.data", ""),
        ("a.onnx_data", ""),
    ]
