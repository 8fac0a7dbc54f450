"""A user's own model: folders, files, and what is said when something is missing."""

import json

import numpy as np
import pytest

from pixwise.errors import CardError, ModelFileError, UnknownModelError
from pixwise.own.folder import card_from_configs, card_of_path, choose_onnx, looks_like_path
from pixwise.tasks.classify import Classifier
from pixwise.tasks.detect import Detector

CONFIG = {
    "architectures": ["RTDetrForObjectDetection"],
    "model_type": "rt_detr",
    "id2label": {"0": "cat", "2": "dog"},
}
PREPROCESSOR = {"image_processor_type": "RTDetrImageProcessor", "size": {"height": 32, "width": 32}}
CLASSIFIER = {"architectures": ["ViTForImageClassification"], "model_type": "vit", "id2label": {"0": "cat"}}
FILES = ["config.json", "onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_fp16.onnx"]


def derive(config=CONFIG, preprocessor=PREPROCESSOR, files=FILES, task="detect", onnx=""):
    return card_from_configs(config, preprocessor, files, task=task, id="mine", onnx=onnx)


def write(folder, config=CONFIG, preprocessor=PREPROCESSOR, files=("onnx/model.onnx",), data=b""):
    for name, table in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        if table is not None:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(table))
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


def onnx_model(path, classes=2, size=8, kind="FLOAT"):
    """A model that answers the means of three channels, times 1 … classes."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.tile(np.arange(1, classes + 1), (3, 1)).astype({"FLOAT": np.float32, "FLOAT16": np.float16}[kind])
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("pixel_values", getattr(TensorProto, kind), ["n", 3, size, size])],
        [helper.make_tensor_value_info("logits", getattr(TensorProto, kind), ["n", classes])],
        [numpy_helper.from_array(weight, "w")],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


def test_labels_keep_their_numbers_and_gaps_are_no_class():
    assert derive().names == ("cat", "", "dog")


def test_the_head_follows_from_the_kind_of_model():
    assert derive().head == "detr_sigmoid"
    assert derive({**CONFIG, "model_type": "detr"}).head == "detr_softmax"
    assert derive(CLASSIFIER, {"size": 8, "do_normalize": False}, task="classify").head == "softmax"
    multi = {**CLASSIFIER, "problem_type": "multi_label_classification"}
    assert derive(multi, {"size": 8, "do_normalize": False}, task="classify").head == "sigmoid"


def test_external_data_belongs_to_the_model():
    assert [(file.path, file.part) for file in derive().files] == [
        ("onnx/model.onnx", "model"),
        ("onnx/model.onnx_data", ""),
    ]


def test_precision_follows_from_the_name_of_the_file():
    assert (derive().precision, derive(onnx="onnx/model_fp16.onnx").precision) == ("fp32", "fp16")
    assert derive(onnx="onnx/model_quantized.onnx").precision == "int8"


def test_the_onnx_file_is_chosen_in_a_known_order():
    assert choose_onnx(["a.onnx", "model.onnx", "onnx/model.onnx"], "m") == "onnx/model.onnx"
    assert choose_onnx(["a.onnx", "model.onnx"], "m") == "model.onnx"
    assert choose_onnx(["a.onnx", "b.txt"], "m") == "a.onnx"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": {}}, "config.json must name its architectures, got none; add"),
        (
            {"config": CLASSIFIER},
            "must answer 'detect' .* got one for 'classify' .ViTFor.*; choose another task or model",
        ),
        (
            {"config": {"architectures": ["BertForMaskedLM"]}},
            "must answer 'detect' .* got BertForMaskedLM; choose another",
        ),
        (
            {"config": {**CONFIG, "model_type": "yolos"}},
            "model_type of a model for detect must be one of .* got 'yolos'",
        ),
        ({"config": {**CONFIG, "id2label": {"a": "cat"}}}, "id2label of config.json must have numbers as keys"),
        ({"config": {**CONFIG, "id2label": {"-1": "cat"}}}, "must count from 0 to 1,000,000, got -1"),
        ({"config": {**CONFIG, "id2label": {"9999999999": "cat"}}}, "must count from 0 .*, got 9999999999"),
        ({"config": {**CONFIG, "id2label": 7}}, "must hold values of the usual types, got AttributeError"),
        ({"config": {**CONFIG, "model_type": []}}, "model_type of a model for detect must be one of .* got"),
        ({"preprocessor": {**PREPROCESSOR, "rescale_factor": "1/255"}}, "usual types, got ValueError: .* '1/255'"),
        (
            {"preprocessor": {**PREPROCESSOR, "size": {"height": "x", "width": 2}}},
            "usual types, got ValueError: .* 'x'",
        ),
        ({"preprocessor": None}, "expected preprocessor_config.json"),
        ({"files": ["config.json"]}, "expected an ONNX file, got none; export it"),
        ({"files": ["model.safetensors"]}, "expected an ONNX file, got model.safetensors; export it"),
        ({"files": ["a.onnx", "b.onnx"]}, r"a single ONNX file, got 2 \(a.onnx, b.onnx\); name the one you mean"),
    ],
)
def test_what_is_missing_is_named(change, words):
    with pytest.raises(CardError, match=words):
        derive(**change)


def test_a_folder_in_hugging_face_form_answers(tmp_path):
    config = {**CLASSIFIER, "id2label": {"0": "dark", "1": "bright"}}
    folder = write(tmp_path / "mine", config, {"size": 8, "do_normalize": False}, ())
    onnx_model(tmp_path / "mine" / "onnx" / "model.onnx")
    classifier = Classifier.load(folder)
    assert classifier(np.full((20, 30, 3), 255, np.uint8)).labels == ("bright", "dark")
    assert classifier.card.id == "mine"


def test_a_half_precision_file_beside_it_takes_half_precision_pixels(tmp_path):
    folder = write(
        tmp_path / "mine",
        {**CLASSIFIER, "id2label": {"0": "dark", "1": "bright"}},
        {"size": 8, "do_normalize": False},
        (),
    )
    onnx_model(tmp_path / "mine" / "onnx" / "model_fp16.onnx", kind="FLOAT16")
    found = Classifier.load(f"{folder}/onnx/model_fp16.onnx")(np.full((20, 30, 3), 255, np.uint8))
    assert (found.labels[0], found.model.precision) == ("bright", "fp16")


@pytest.mark.parametrize("name", ["onnx/model.onnx", "other.onnx"])
def test_one_file_of_a_folder_may_be_named(tmp_path, name):
    write(tmp_path / "mine", files=("onnx/model.onnx", "other.onnx"))
    card = card_of_path(str(tmp_path / "mine" / name), "detect")
    assert (card.files[0].path, card.folder) == (name, str(tmp_path / "mine"))


def test_an_onnx_file_with_a_card_beside_it_answers(tmp_path):
    onnx_model(tmp_path / "net.onnx")
    (tmp_path / "card.toml").write_text(
        'head = "softmax"\nnames = ["dark", "bright"]\n[input]\nsize_hw = [8, 8]\n', "utf-8"
    )
    assert Classifier.load(str(tmp_path / "net.onnx"))(np.full((9, 9, 3), 255, np.uint8)).labels[0] == "bright"
    assert Classifier.load(str(tmp_path))(np.zeros((9, 9, 3), np.uint8)).scores.tolist() == [0.5, 0.5]


def test_an_onnx_file_cut_in_half_is_named(tmp_path):
    onnx_model(tmp_path / "net.onnx")
    (tmp_path / "net.onnx").write_bytes((tmp_path / "net.onnx").read_bytes()[:150])
    (tmp_path / "card.toml").write_text('head = "softmax"\n[input]\nsize_hw = [8, 8]\n')
    with pytest.raises(ModelFileError, match=r"net.onnx: expected an ONNX model .* export it anew"):
        Classifier.load(str(tmp_path / "net.onnx"))


def test_a_model_of_another_task_is_refused_before_it_is_opened(tmp_path):
    with pytest.raises(CardError, match=r"must answer 'detect'.*got one for 'classify'"):
        Detector.load(write(tmp_path / "mine", CLASSIFIER, {"size": 8}))
    (tmp_path / "card.toml").write_text('task = "classify"\nhead = "softmax"\n[input]\nsize_hw = [8, 8]\n')
    (tmp_path / "a.onnx").touch()
    with pytest.raises(CardError, match=r"card.toml: model must answer 'detect', got one for 'classify'"):
        Detector.load(str(tmp_path))


def test_a_place_that_is_not_there_is_named():
    with pytest.raises(UnknownModelError, match=r"'./nowhere', which is not there; check the path"):
        card_of_path("./nowhere", "detect")


def test_a_file_without_card_or_configs_is_refused(tmp_path):
    (tmp_path / "net.onnx").touch()
    with pytest.raises(
        CardError, match=r"expected config.json .* or a card.toml, beside the model, got neither; write"
    ):
        card_of_path(str(tmp_path / "net.onnx"), "detect")


@pytest.mark.parametrize(("text", "words"), [("{", "expected JSON, got"), ("[]", "expected a JSON object, got list")])
def test_broken_configs_are_named(tmp_path, text, words):
    folder = write(tmp_path / "mine")
    (tmp_path / "mine" / "config.json").write_text(text)
    with pytest.raises(CardError, match=rf"config.json: {words}"):
        card_of_path(folder, "detect")


def test_a_broken_card_is_named(tmp_path):
    (tmp_path / "card.toml").write_text("head =")
    with pytest.raises(CardError, match=r"card.toml: expected TOML, got"):
        card_of_path(str(tmp_path), "detect")


def test_names_and_places_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [looks_like_path(name) for name in ("dfine-s", "./x", "a\\b", "net.onnx")] == [False, True, True, True]


def test_a_picture_given_as_model_is_told(tmp_path):
    (tmp_path / "b.png").touch()
    with pytest.raises(CardError, match=r"ONNX file, got '.*b\.png'; .* \(several pictures go into a list"):
        card_of_path(str(tmp_path / "b.png"), "detect")


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(CardError, match=r"expected the files of a model, got an empty folder; .* export it"):
        card_of_path(str(tmp_path), "detect")


def test_a_number_that_no_recipe_takes_is_told_with_the_model():
    with pytest.raises(CardError, match=r"mine: input.scale must be a number other than 0, got 0.0"):
        derive(preprocessor={**PREPROCESSOR, "rescale_factor": 0})


def test_an_option_that_no_head_knows_is_told_with_its_folder(tmp_path):
    (tmp_path / "card.toml").write_text(
        'id = "mine"\nhead = "softmax"\noptions = { suppress = true }\n[input]\nsize_hw = [8, 8]\n'
    )
    (tmp_path / "a.onnx").touch()
    with pytest.raises(CardError, match=rf"{tmp_path}: card 'mine': options must be known, got 'suppress'"):
        Classifier.load(tmp_path)


def test_a_card_that_lacks_a_size_is_told_with_its_file(tmp_path):
    (tmp_path / "card.toml").write_text('id = "mine"\nhead = "yolox"\n')
    with pytest.raises(CardError, match=r"card\.toml: card 'mine': input.size_hw must be .*; add size_hw"):
        card_of_path(str(tmp_path), "detect")


def test_a_folder_that_is_called_like_a_known_model_does_not_take_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("yunet", "mine"):
        (tmp_path / name).mkdir()
    assert [looks_like_path(name) for name in ("yunet", "mine", "./yunet")] == [False, True, True]


# Encoders, for embed

ENCODERS = [
    ("CLIPModel", "clip", "image_embeds"),
    ("CLIPVisionModelWithProjection", "clip_vision_model", "image_embeds"),
    ("SiglipModel", "siglip", "pooler"),
    ("SiglipVisionModel", "siglip_vision_model", "pooler"),
    ("Siglip2Model", "siglip2", "pooler"),
    ("Dinov2Model", "dinov2", "cls"),
    ("Dinov2WithRegistersModel", "dinov2_with_registers", "cls"),
    ("ConvNextModel", "convnext", "pooled"),
]
TOWERS = ["onnx/model.onnx", "onnx/text_model.onnx", "onnx/vision_model.onnx", "onnx/vision_model_int8.onnx"]


def derive_encoder(architecture="CLIPModel", kind="clip", preprocessor=PREPROCESSOR, **given):
    config = {"architectures": [architecture], "model_type": kind}
    return derive(config, preprocessor, **{"task": "embed", "files": TOWERS, **given})


@pytest.mark.parametrize(("architecture", "kind", "head"), ENCODERS)
def test_an_encoder_gets_the_head_of_its_kind(architecture, kind, head):
    assert derive_encoder(architecture, kind).head == head


def test_of_towers_exported_together_the_one_for_pictures_is_taken():
    assert derive_encoder().files[0].path == "onnx/vision_model.onnx"
    assert derive_encoder(files=["vision_model.onnx", "text_model.onnx"]).files[0].path == "vision_model.onnx"
    assert derive_encoder(files=["onnx/model.onnx"]).files[0].path == "onnx/model.onnx"
    assert derive_encoder(onnx="onnx/vision_model_int8.onnx").precision == "int8"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"architecture": "ViTForImageClassification", "kind": "vit"},
            r"must answer 'embed' \(…Model of clip, .*\), got one for 'classify' \(ViTForImageClassification\)",
        ),
        ({"architecture": "resnet50", "kind": None}, r"must answer 'embed' .*, got one for 'classify' \(resnet50\)"),
        ({"task": "classify"}, r"must answer 'classify' .*, got one for 'embed' \(CLIPModel\)"),
        ({"preprocessor": {"max_num_patches": 256}}, r"must make pictures of one size, got patches .*NaFlex.*; use"),
    ],
)
def test_encoders_that_cannot_answer_are_refused(given, words):
    with pytest.raises(CardError, match=words):
        derive_encoder(**given)
