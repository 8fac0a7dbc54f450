"""8-bit copies: close to the model, made once, never half a file, never another model's."""

import logging
import multiprocessing
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime.quantization
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixwise.errors import ModelFileError, OutputError, SetupError
from pixwise.fetching.shelf import Spot, check
from pixwise.quantize import drop_int8, has_int8, int8_of, int8_spots
from pixwise.registry import CardFile
from pixwise.session import OnnxSession

WIDTH = 64


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def model_of(nodes, weights):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", WIDTH]) for name in "xy")
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    return helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], held), opset_imports=[helper.make_opsetid("", 17)], ir_version=10
    )


def write_products(path, seed=0, **external):
    """Two layers, as of a transformer: products of matrices with a bend between."""
    draw = np.random.default_rng(seed)
    weights = {name: draw.normal(0, 0.1, (WIDTH, WIDTH)).astype(np.float32) for name in "ab"}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], "first"),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("MatMul", ["t", "b"], ["y"], "second"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model_of(nodes, weights), path, **external)
    return path


def write_sum(path):
    onnx.save(model_of([helper.make_node("Add", ["x", "x"], ["y"])], {}), path)
    return path


@pytest.fixture
def model(tmp_path):
    return write_products(tmp_path / "models" / "m.onnx")


def answer(path):
    rows = np.random.default_rng(1).normal(0, 1, (4, WIDTH)).astype(np.float32)
    return OnnxSession.load({"model": path}, threads=1).run({"x": rows})["y"].ravel()


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_copy_answers_nearly_the_same_from_a_smaller_file(model):
    copy = int8_of(model)
    assert 0.999 < cosine(answer(model), answer(copy)) < 1
    assert copy.stat().st_size < model.stat().st_size / 2
    assert not np.array_equal(answer(model), answer(copy))


def test_each_column_has_its_own_scale_and_seven_bits(model):
    held = {each.name: numpy_helper.to_array(each) for each in onnx.load(int8_of(model)).graph.initializer}
    assert [held[f"{name}_scale"].shape for name in "ab"] == [(WIDTH,), (WIDTH,)]
    assert max(np.abs(held[f"{name}_quantized"].astype(int)).max() for name in "ab") <= 64


def test_the_second_time_nothing_is_made(model):
    copy = int8_of(model)
    written = copy.stat().st_mtime_ns
    assert has_int8(model)
    assert int8_of(model) == copy
    assert copy.stat().st_mtime_ns == written


def test_the_copy_lies_beside_the_model_and_nothing_else_does(model):
    copy = int8_of(model)
    assert sorted(model.parent.iterdir()) == sorted([model, copy])


def test_another_model_of_the_same_name_gets_a_copy_of_its_own_and_the_old_one_goes(model):
    first = int8_of(model)
    write_products(model, seed=1)
    assert not has_int8(model)
    second = int8_of(model)
    assert second != first
    assert not first.exists()
    assert cosine(answer(model), answer(second)) > 0.999


def test_other_external_data_under_the_same_graph_is_another_model(tmp_path):
    external = {"save_as_external_data": True, "location": "m.onnx_data", "size_threshold": 0}
    path = write_products(tmp_path / "m.onnx", **external)
    first, graph = int8_of(path), path.read_bytes()
    (tmp_path / "m.onnx_data").unlink()
    write_products(path, seed=1, **external)
    assert path.read_bytes() == graph
    assert int8_of(path) != first
    assert cosine(answer(path), answer(int8_of(path))) > 0.999


def test_a_model_behind_links_as_in_the_hubs_cache_is_read(tmp_path):
    external = {"save_as_external_data": True, "location": "m.onnx_data", "size_threshold": 0}
    write_products(tmp_path / "blobs" / "m.onnx", **external)
    (tmp_path / "snapshot").mkdir()
    for name in ("m.onnx", "m.onnx_data"):
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / "blobs" / name)
    copy = int8_of(tmp_path / "snapshot" / "m.onnx")
    assert copy.parent.name == "snapshot"
    assert cosine(answer(tmp_path / "blobs" / "m.onnx"), answer(copy)) > 0.999


def test_a_damaged_copy_is_made_again_and_that_is_said(model, caplog):
    copy = int8_of(model)
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with caplog.at_level(logging.WARNING, "pixwise"):
        assert int8_of(model).read_bytes() == whole
    assert "m.onnx: its 8-bit copy is damaged and is made again" in caplog.text


def test_what_a_killed_process_left_is_written_over(model):
    copy = int8_of(model)
    left = model.parent / f"{model.stem}.{copy.name.split('.')[1]}.int8.incomplete"
    copy.rename(left)
    assert int8_of(model) == copy
    assert not left.exists()


def test_when_the_making_fails_nothing_is_left(model, monkeypatch):
    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", refuse)
    with pytest.raises(ModelFileError, match="bring to int8, got RuntimeError: too odd; leave precision out"):
        int8_of(model)
    assert list(model.parent.iterdir()) == [model]


def refuse(model, part, **options):
    part.write_bytes(b"half")
    raise RuntimeError("too\nodd")


def test_two_processes_at_once_make_one_copy(model):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        assert len(set(pool.map(int8_of, [model] * 4))) == 1
    assert len(list(model.parent.iterdir())) == 2


def test_threads_at_once_make_it_once(model, monkeypatch):
    made, real = [], onnxruntime.quantization.quantize_dynamic

    def counted(*args, **options):
        made.append(args)
        real(*args, **options)

    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", counted)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(int8_of, [model] * 4))) == 1
    assert len(made) == 1


def test_shapes_that_an_exporter_noted_of_weights_do_no_harm(tmp_path):
    """The product is turned when it is brought to 8 bits; torch's newer exporter notes how its weights lay before."""
    weight = np.random.default_rng(0).normal(0, 0.1, (32, WIDTH)).astype(np.float32)
    made = model_of([helper.make_node("Gemm", ["x", "a"], ["y"], "turned", transB=1)], {"a": weight})
    made.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 32
    made.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [32, WIDTH]))
    onnx.save(made, tmp_path / "m.onnx")
    assert cosine(answer(tmp_path / "m.onnx"), answer(int8_of(tmp_path / "m.onnx"))) > 0.999


def test_nothing_is_logged_when_all_goes_well(model, caplog):
    int8_of(model)
    assert caplog.records == []


def test_a_model_without_products_stays_as_it_is_and_is_not_tried_twice(tmp_path, monkeypatch):
    path = write_sum(tmp_path / "sum.onnx")
    assert int8_of(path) == path
    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", refuse)
    assert int8_of(path) == path
    assert list(int8_spots(Spot(CardFile("sum.onnx"), path, "", 0, ""))) == []


def test_products_in_the_branches_of_an_if_are_found(tmp_path):
    weight = numpy_helper.from_array(np.eye(WIDTH, dtype=np.float32), "a")
    out = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("MatMul", ["x", "a"], ["z"], "inner")], "branch", [], [out])
    flag = helper.make_node("Constant", [], ["flag"], value_int=1)
    test = helper.make_node("Cast", ["flag"], ["test"], to=TensorProto.BOOL)
    choice = helper.make_node("If", ["test"], ["y"], "choice", then_branch=branch, else_branch=branch)
    model = model_of([flag, test, choice], {})
    model.graph.initializer.append(weight)
    onnx.save(model, tmp_path / "m.onnx")
    assert int8_of(tmp_path / "m.onnx") != tmp_path / "m.onnx"


def test_without_onnx_the_command_that_installs_it_is_told_but_a_copy_that_is_there_is_taken(model, monkeypatch):
    copy = int8_of(model)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert int8_of(model) == copy
    copy.unlink()
    with pytest.raises(SetupError, match=r"needs the package onnx to be made, .*; run: pip install 'pixwise\[int8\]'"):
        int8_of(model)


def test_where_the_folder_cannot_be_written_the_copy_lies_in_our_own(model, home, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", refusing(model.parent))
    copy = int8_of(model)
    assert home / "int8" in copy.parents
    assert (int8_of(model), list(model.parent.iterdir())) == (copy, [model])


def test_where_nothing_can_be_written_the_folders_are_told(model, home, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", refusing(model.parent, home))
    with pytest.raises(OutputError, match=r"folder for the int8 copy of m.onnx must be writable, got Read-only"):
        int8_of(model)


def refusing(*folders):
    """`tempfile.TemporaryFile` of a file system that is mounted read-only in these places."""
    real = tempfile.TemporaryFile

    def made(*args, dir=None, **options):
        if any(folder == Path(dir) or folder in Path(dir).parents for folder in folders):
            raise OSError(30, "Read-only file system")
        return real(*args, dir=dir, **options)

    return made


def test_copies_are_checked_and_deleted_with_their_model(model):
    copy, spot = int8_of(model), Spot(CardFile("m.onnx", "model"), model, "", 0, "")
    [made] = int8_spots(spot)
    assert (made.file.path, made.path, check(made)) == ("m.onnx, as int8", copy, "ok")
    copy.write_bytes(b"x")
    assert check(made) == "damaged"
    assert drop_int8(spot) == 1
    assert not copy.exists()
