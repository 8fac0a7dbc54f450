"""Sessions: files in, names out, and what the machine really gives."""

import os
import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pixwise.errors import ModelFileError, OptionError, SetupError, ShapeError
from pixwise.session import FakeSession, OnnxSession, Tensor, available_threads, cgroup_quota, choose_providers


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


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, 0),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 0),
        ({"cpu.max": "nonsense"}, 0),
        ({}, 0),
    ],
)
def test_the_quota_of_a_cgroup_is_read(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == cores


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/system.slice/pixwise.service", {"system.slice/pixwise.service/cpu.max": "200000 100000"}, 2),
        ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("4:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"}, 2),
        ("0::/../elsewhere", {"cpu.max": "400000 100000"}, 4),
    ],
)
def test_the_quota_of_a_service_stands_below_the_root(tmp_path, own, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own + "\n")
    assert cgroup_quota(tmp_path, tmp_path / "own") == cores


def test_threads_follow_the_affinity(monkeypatch):
    monkeypatch.delenv("PIXWISE_THREADS")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("asked", "told"), [(99, ""), (0, "64")])
def test_more_threads_than_cores_are_not_taken(monkeypatch, asked, told):
    monkeypatch.setenv("PIXWISE_THREADS", told)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_threads(asked) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_threads_by_environment_must_be_a_number(monkeypatch):
    monkeypatch.setenv("PIXWISE_THREADS", "many")
    with pytest.raises(OptionError, match="PIXWISE_THREADS must be a positive number, got 'many'"):
        available_threads()


def test_a_fake_session_answers_by_rows_and_remembers():
    fake = FakeSession({"y": np.arange(2)})
    assert list(fake.run({"x": np.zeros((3, 1))})["y"]) == [0, 1, 0]
    assert fake.fed[0]["x"].shape == (3, 1)
