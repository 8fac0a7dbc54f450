"""Versions are kept whole, and the best stays in force whatever happens."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from learning import cloud, hand_made, sample_of

from pixwise.collections import Collection, Shelf, train
from pixwise.errors import ModelFileError, OptionError, OutputError, ShapeError, UnknownModelError


def in_force(shelf, *versions, id="dogs", best=""):
    for version in versions:
        shelf.add(hand_made(id, version))
    shelf.choose(id, best or versions[-1], {version: {"macro_precision": 0.5} for version in versions})


def test_what_was_kept_comes_back(tmp_path):
    shelf, kept = Shelf(tmp_path), hand_made(name="Dogs, all of them", bias=0.25)
    shelf.add(kept)
    shelf.choose("dogs", "1", {"1": {}})
    found = shelf.best("dogs")
    assert found.to_dict() == kept.to_dict()
    np.testing.assert_array_equal(found.weights, kept.weights)


def test_collections_are_listed_by_their_ids(tmp_path):
    for id in (12, "dogs/big", "..", "Hunde ö", "%2F"):
        in_force(Shelf(tmp_path), "1", id=str(id))
    assert Shelf(tmp_path).ids() == sorted(["12", "dogs/big", "..", "Hunde ö", "%2F"])
    assert all(path.parent == tmp_path for path in tmp_path.glob("*"))
    assert Shelf(tmp_path).best(12).id == "12"


@pytest.mark.parametrize("id", ["", " ", " a", "x" * 201])
def test_an_id_that_no_folder_can_have_is_refused(tmp_path, id):
    with pytest.raises(OptionError, match="id of a collection must be 1 to 200 letters, got"):
        Shelf(tmp_path).place(id)


def test_an_unknown_collection_names_its_likes(tmp_path):
    with pytest.raises(UnknownModelError, match="got 'dogs'; there are none yet: pixwise collections train"):
        Shelf(tmp_path).best("dogs")
    in_force(Shelf(tmp_path), "1")
    with pytest.raises(UnknownModelError, match="got 'dgs'; did you mean 'dogs'"):
        Shelf(tmp_path).best("dgs")


def test_versions_that_did_not_stay_are_gone(tmp_path):
    in_force(Shelf(tmp_path), "1", "2")
    in_force(Shelf(tmp_path), "3", best="3")
    assert [each.version for each in Shelf(tmp_path).versions("dogs")] == ["3"]


def test_a_collection_can_be_forgotten(tmp_path):
    in_force(Shelf(tmp_path), "1")
    Shelf(tmp_path).remove("dogs")
    assert Shelf(tmp_path).ids() == []
    with pytest.raises(UnknownModelError):
        Shelf(tmp_path).remove("dogs")


def spoil(folder, name, content):
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("collection.json", b"{"),
        ("collection.json", b"[]"),
        ("collection.json", b'{"schema": "pixwise/collection/2"}'),
        ("weights.npz", b"PK nonsense"),
        ("weights.npz", b""),
    ],
)
def test_a_damaged_version_is_told(tmp_path, name, content):
    in_force(Shelf(tmp_path), "1")
    spoil(tmp_path / "dogs/versions/1", name, content)
    with pytest.raises(ModelFileError, match=r"expected a trained collection, got \w+: .*; train it anew"):
        Shelf(tmp_path).best("dogs")
    assert Shelf(tmp_path).versions("dogs") == []


def test_a_pickle_is_never_read(tmp_path):
    in_force(Shelf(tmp_path), "1")
    np.savez(tmp_path / "dogs/versions/1/weights.npz", weights=np.array([print], object))
    with pytest.raises(ModelFileError, match="allow_pickle=False"):
        Shelf(tmp_path).best("dogs")


@pytest.mark.parametrize("told", ["", "[]", '{"version": 3}', '{"version": "../x"}'])
def test_a_damaged_pointer_is_told(tmp_path, told):
    in_force(Shelf(tmp_path), "1")
    (tmp_path / "dogs/best.json").write_text(told)
    with pytest.raises(ModelFileError, match=r"best.json: expected JSON that names a version, got .*; train it anew"):
        Shelf(tmp_path).best("dogs")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected to be written, got Not a directory; mend its rights"):
        Shelf(tmp_path / "file").add(hand_made())


def test_weights_must_be_as_many_as_the_vectors_have_numbers():
    with pytest.raises(ShapeError, match=r"weights must have shape \(12,\), got \(3,\)"):
        hand_made(weights=[1, 2, 3])
    with pytest.raises(ShapeError, match=r"vectors must have shape \(N, 12\) for collection 'dogs', got \(2, 3\); em"):
        hand_made().probabilities(np.zeros((2, 3)))


# What is killed in the middle leaves the old best in force.

STEPS = 6  # fsync: weights, facts, best; replace: version, best; rmtree: the old version
KILLED = """
import os, shutil, signal, sys
from learning import hand_made
from pixwise.collections import Shelf
left = int(sys.argv[2])

def dying(function):
    def counted(*args, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return counted

os.fsync, os.replace, shutil.rmtree = dying(os.fsync), dying(os.replace), dying(shutil.rmtree)
shelf = Shelf(sys.argv[1])
shelf.add(hand_made("dogs", "2", bias=2.0))
shelf.choose("dogs", "2", {"2": {"macro_precision": 0.9}})
"""


def killed_after(steps, folder):
    where = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), *sys.path])
    command = [sys.executable, "-c", KILLED, str(folder), str(steps)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": where}, check=False).returncode


@pytest.mark.parametrize("steps", range(STEPS + 1))
def test_a_kill_at_any_step_leaves_a_whole_best_in_force(tmp_path, steps):
    shelf = Shelf(tmp_path)
    in_force(shelf, "1")
    assert killed_after(steps, tmp_path) == (0 if steps == STEPS else -signal.SIGKILL)
    best = shelf.best("dogs")
    assert (best.version, best.bias) == (("1", 0.0) if steps < 5 else ("2", 2.0))
    for left in (tmp_path / "dogs/versions").glob("*.part"):
        os.utime(left, (0, 0))
    in_force(shelf, "3")  # and a later training cleans up
    assert [path.name for path in (tmp_path / "dogs/versions").iterdir()] == ["3"]


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    in_force(Shelf(tmp_path), "1")
    (tmp_path / "dogs/versions/2-x.part").mkdir()
    in_force(Shelf(tmp_path), "3")
    assert (tmp_path / "dogs/versions/2-x.part").is_dir()
    assert [each.version for each in Shelf(tmp_path).versions("dogs")] == ["3"]


def test_a_version_that_another_training_took_away_is_not_put_in_force(tmp_path):
    in_force(Shelf(tmp_path), "1")
    with pytest.raises(OutputError, match="expected version 2, got none: another training took it; train again"):
        Shelf(tmp_path).choose("dogs", "2", {"2": {}})
    assert Shelf(tmp_path).best("dogs").version == "1"


def test_two_trainings_measure_and_choose_one_after_the_other(tmp_path):
    shelf, order = Shelf(tmp_path), []
    train(sample_of(*cloud()), id="cats", shelf=shelf)  # what must be imported is here now
    with ThreadPoolExecutor(1) as pool, shelf.alone("dogs"):
        other = pool.submit(lambda: [train(sample_of(*cloud()), id="dogs", shelf=shelf), order.append("trained")])
        wait([other], timeout=1)
        in_force(shelf, "1")
        order.append("mine")
    assert order == ["mine", "trained"]
    assert shelf.versions("dogs")[0].version == "1"  # in the other's bake-off, and kept


def test_json_of_a_collection_has_all_that_is_known(tmp_path):
    told = json.loads(json.dumps(hand_made().to_dict()))
    assert {"id", "version", "trained", "focus", "spaces", "models", "data", "seed", "metrics", "bias"} <= set(told)
    assert repr(hand_made()) == "Collection('dogs', version='1')"
    assert isinstance(hand_made(), Collection)
