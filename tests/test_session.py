"""Sessions: files in, names out, and what the machine really gives."""

import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pixwise.errors import ModelFileError, OptionError, SetupError, ShapeError
from pixwise.session import FakeSession, JoinedSession, OnnxSession, Tensor, choose_providers


def write_model(path, batch="n"):
    """A model that doubles its input (batch, 3)."""
    node = helper.make_node("Add", ["x", "x"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])
    graph = helper.make_graph([node], "double", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


@pytest.fixture
def session(tmp_path):
    return OnnxSession.load({"model": write_model(tmp_path / "m.onnx")})


def rows(count):
    return np.arange(count * 3, dtype=np.float32).reshape(count, 3)


def test_names_go_in_and_names_come_out(session):
    assert session.inputs() == (Tensor("x", (-1, 3), "float"),)
    np.testing.assert_array_equal(session.run({"x": rows(2)})["y"], 2 * rows(2))


@pytest.mark.parametrize("fixed", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_fixed_batch_takes_any_number_of_rows(tmp_path, fixed, count):
    session = OnnxSession.load({"model": write_model(tmp_path / "m.onnx", fixed)})
    np.testing.assert_array_equal(session.run({"x": rows(count)})["y"], 2 * rows(count))


def test_eight_threads_share_one_session(session):
    wrong = []

    def work(seed):
        for _ in range(50):
            given = rows(2) + seed
            if not np.array_equal(session.run({"x": given})["y"], 2 * given):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_a_wrong_name_is_told_with_the_right_ones(session):
    with pytest.raises(ShapeError, match="feeds must be named x, got pixels"):
        session.run({"pixels": rows(1)})


def test_a_wrong_shape_is_told_with_the_right_one(session):
    with pytest.raises(ShapeError, match=r"model must take x float\[-1, 3\], got x float32\[1, 4\]"):
        session.run({"x": np.zeros((1, 4), np.float32)})


def test_a_run_that_fails_is_told_once_without_places_in_the_source_of_onnxruntime(tmp_path, capfd):
    node = helper.make_node("Add", ["x", "w"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "m"]) for name in "xy")
    weight = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "w")
    graph = helper.make_graph([node], "add", [x], [y], [weight])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    session = OnnxSession.load({"model": path})
    with pytest.raises(ShapeError, match=r"running Add node.* a dimension other than 1. 3 by 4; compare") as caught:
        session.run({"x": np.zeros((1, 4), np.float32)})
    assert capfd.readouterr() == ("", "")
    assert not any(noise in str(caught.value) for noise in ("ONNXRuntimeError", ".h:", ".cc:", "onnxruntime::"))


def test_a_file_cut_in_half_is_told_in_one_line(tmp_path):
    path = write_model(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelFileError, match=r"expected an ONNX model that onnxruntime .* can open, got ") as caught:
        OnnxSession.load({"model": path})
    assert "\n" not in str(caught.value)


def test_cuda_without_cuda_is_an_error_not_a_fallback():
    with pytest.raises(SetupError, match="device cuda needs onnxruntime with CUDA, got one without"):
        choose_providers("cuda")


def test_auto_says_what_it_took(session):
    assert session.device == "cpu"


def test_an_unknown_device_is_refused():
    with pytest.raises(OptionError, match="device must be one of auto, cpu, cuda, got 'tpu'"):
        choose_providers("tpu")


def test_a_fake_session_answers_by_rows_and_remembers():
    fake = FakeSession({"y": np.arange(2)})
    assert list(fake.run({"x": np.zeros((3, 1))})["y"]) == [0, 1, 0]
    assert fake.fed[0]["x"].shape == (3, 1)


def test_files_that_are_no_models_are_kept_for_who_reads_them(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    parts = {"text": write_model(tmp_path / "m.onnx"), "tokenizer": tmp_path / "tokenizer.json"}
    session = OnnxSession.load(parts)
    assert session.files == {"tokenizer": tmp_path / "tokenizer.json"}
    assert session.run({"x": rows(2)}, "text")["y"].shape == (2, 3)


def test_joined_sessions_answer_for_their_parts(session, tmp_path):
    other = OnnxSession.load({"text": write_model(tmp_path / "t.onnx")})
    joined = JoinedSession({"model": session, "text": other})
    assert joined.inputs("text") == other.inputs("text")
    np.testing.assert_array_equal(joined.run({"x": rows(2)}, "text")["y"], other.run({"x": rows(2)}, "text")["y"])
    assert joined.of("text") is other
    assert joined.bytes == session.bytes + other.bytes
