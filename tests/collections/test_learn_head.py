"""A head that is learnt from a folder, and answers as a model of `classify`."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import sklearn.linear_model
from learning import draw_folder

import pixwise as px
from pixwise.collections import Focus, Looker
from pixwise.collections.learn_head import fit_softmax, learn_head, wilson
from pixwise.errors import CardError, DataError, ModelFileError, OutputError, ShapeError
from pixwise.pool import Pool
from pixwise.scores import softmax

TINTS = {"blau": (-40, -40, 90), "grün": (-40, 90, -40), 'r"ot': (90, -40, -40)}


@pytest.fixture(scope="module")
def looker():
    return Looker.load(Focus.of("look"), threads=1)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, looker):
    folder = draw_folder(tmp_path_factory.mktemp("pictures"), count=12, tints=TINTS)
    (folder / "blau/bad.jpg").write_bytes(b"nonsense")
    draw_folder(folder, count=4, tints={"few": (0, 0, 0)})
    return folder, learn_head(folder, folder.parent / "colours", looker)


def test_the_report_tells_classes_accuracy_and_what_was_left_out(learnt):
    told = json.loads(json.dumps(learnt[1].to_dict()))
    assert told["classes"] == {"blau": 12, "grün": 12, 'r"ot': 12}
    assert (told["held_out"], np.sum(told["confusion"])) == (8, 8)
    assert told["accuracy"] == round(np.trace(told["confusion"]) / 8, 4) > 0.9
    assert told["interval_95"][0] < told["accuracy"] <= told["interval_95"][1]
    assert told["notes"][0] == "class 'few': expected at least 5 pictures, got 4; left out"
    assert "bad.jpg: expected a JPEG" in told["notes"][1]


def test_the_head_answers_as_a_model_of_classify(learnt):
    folder, head = learnt
    for label in TINTS:
        found = px.classify(folder / label / "3.png", head.folder)
        assert (found.labels[0], found.model.id, found.model.licence) == (label, "colours", "Apache-2.0")


@pytest.mark.oracle
def test_its_scores_are_those_of_scikit_learn(learnt, looker):
    """1e-6: float64 up to the logits, which are float32 as of every model."""
    folder, head = learnt
    paths = [(folder / label / f"{i}.png", label) for label in sorted(TINTS) for i in range(12)]
    vectors = np.stack([looker(path).vector for path, _ in paths]).astype(float)
    vectors = (vectors - vectors.mean(axis=0)) * np.sqrt(356)
    model = sklearn.linear_model.LogisticRegression(max_iter=10_000).fit(vectors, [label for _, label in paths])
    found = px.Classifier.load(head.folder, min_score=0.0, top=0)(paths[5][0])
    scores = dict(zip(found.labels, found.scores, strict=True))
    wanted = model.predict_proba(vectors[5:6])[0]
    np.testing.assert_allclose([scores[label] for label in model.classes_], wanted, atol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_softmax_of_any_number_of_classes_is_that_of_scikit_learn(classes):
    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(90, 6)) / 3, np.arange(90) % classes
    weights, bias = fit_softmax(vectors, labels)
    features = (vectors - vectors.mean(axis=0)) * np.sqrt(6)
    model = sklearn.linear_model.LogisticRegression(max_iter=10_000).fit(features, labels)
    np.testing.assert_allclose(softmax(vectors @ weights + bias), model.predict_proba(features), atol=1e-6)


def test_the_same_seed_gives_the_same_head_and_measure(learnt, looker, tmp_path):
    folder, head = learnt
    again = learn_head(folder, tmp_path / "again", looker)
    assert again.confusion.tolist() == head.confusion.tolist()
    with np.load(again.folder / "head.npz") as mine, np.load(head.folder / "head.npz") as theirs:
        np.testing.assert_array_equal(mine["weights"], theirs["weights"])


def test_it_shares_the_session_of_its_embedder(learnt):
    pool = Pool()
    pool.task("classify", learnt[1].folder, threads=1)
    assert len(pool) == 2  # the head, and the embedder, which the next one finds
    pool.task("embed", "look", threads=1)
    assert len(pool) == 2


def test_wilson_is_that_of_a_table():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998 and every calculator
    assert wilson(0, 5) == pytest.approx((0, 0.4345), abs=1e-4)
    assert wilson(5, 5) == pytest.approx((0.5655, 1), abs=1e-4)


def test_a_head_is_replaced_and_anything_else_is_not(learnt, looker, tmp_path):
    folder, _ = learnt
    for _ in range(2):
        learn_head(folder, tmp_path / "head", looker)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="expected a new folder or a learned head, got something else; choose"):
        learn_head(folder, tmp_path / "mine", looker)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_head_and_nothing_else(learnt, looker, tmp_path, monkeypatch, step):
    learn_head(learnt[0], tmp_path / "head", looker)
    before, real = (tmp_path / "head/card.toml").read_text("utf-8"), getattr(os, step)

    def failing(*args):
        if step == "fsync" or str(args[0]).endswith(".part"):
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, step, failing)
    with pytest.raises(OutputError, match="head: expected to be written, got No space left on device"):
        learn_head(learnt[0], tmp_path / "head", looker)
    assert [path.name for path in tmp_path.iterdir()] == ["head"]
    assert (tmp_path / "head/card.toml").read_text("utf-8") == before


def test_too_few_classes_are_counted_before_and_after_looking(tmp_path, looker):
    folder = draw_folder(tmp_path / "set", count=6, tints={"a": (0, 0, 0)})
    with pytest.raises(DataError, match="must be at least two with 5 pictures each, got a 6; add pictures, a sub-fold"):
        learn_head(folder, tmp_path / "head", looker)
    draw_folder(folder, count=6, tints={"a": (0, 0, 0), "b": (50, 0, 0)})
    for i in range(3):
        (folder / f"b/{i}.png").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="must be at least two with 5 pictures each, got a 6, b 3"):
        learn_head(folder, tmp_path / "head", looker)
    assert not (tmp_path / "head").exists()


# A head that does not fit is refused


@pytest.fixture
def copied(learnt, tmp_path):
    return shutil.copytree(learnt[1].folder, tmp_path / "copy")


def reworded(folder, before, after):
    card = folder / "card.toml"
    text = card.read_text("utf-8")
    assert before in text
    card.write_text(text.replace(before, after), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('embedder = "look"', 'embedder = ""', "must name its embedder in options, got none; learn it anew"),
        (
            'embedder_precision = "fp32"',
            'embedder_precision = "int8"',
            "of precision 'int8', got 'fp32'; learn it anew",
        ),
        ('embedder_revision = ""', f'embedder_revision = "{"a" * 40}"', "of revision 'a{40}', got 'none'; learn it"),
        ("size_hw = [64, 64]", "size_hw = [32, 32]", "must have the input of 'look', got another; copy it from there"),
    ],
)
def test_another_embedder_is_refused(copied, before, after, words):
    with pytest.raises(CardError, match=words):
        px.Classifier.load(reworded(copied, before, after))


def test_a_head_of_another_dimension_is_refused(copied):
    rewritten(copied, weights=np.zeros((12, 3)), bias=np.zeros(3))
    with pytest.raises(
        ShapeError, match="embedder 'look' must give 12 numbers, got 356; use the one that the head was"
    ):
        px.Classifier.load(copied)(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"weights": np.zeros((356, 2)), "bias": np.zeros(2)}, r"expected weights \(D, 3\) and bias \(3,\), got"),
        ({"weights": np.zeros((356, 3))}, "expected a head, got KeyError"),
        ({"weights": np.array([print], object), "bias": np.zeros(3)}, "allow_pickle=False"),
    ],
)
def test_a_damaged_head_is_refused(copied, arrays, words):
    rewritten(copied, **arrays)
    with pytest.raises(ModelFileError, match=words):
        px.Classifier.load(copied)


def rewritten(folder, **arrays):
    """The head with other arrays; its card no longer says which bytes it must have."""
    np.savez(folder / "head.npz", **arrays)
    text = (folder / "card.toml").read_text("utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(("bytes", "sha256"))]
    (folder / "card.toml").write_text("\n".join(kept), "utf-8")


def test_a_head_with_other_bytes_than_its_card_says_is_refused(copied):
    (copied / "head.npz").write_bytes(b"other")
    with pytest.raises(ModelFileError, match=r"head\.npz"):
        px.Classifier.load(copied)


def test_its_card_is_plain_toml(learnt):
    card = tomllib.loads((learnt[1].folder / "card.toml").read_text("utf-8"))
    assert (card["task"], card["runtime"], card["options"]["embedder"]) == ("classify", "learned", "look")
    assert card["names"] == ["blau", "grün", 'r"ot']


# scikit-learn is for training alone

FORBIDDEN = "import sys; sys.modules.update(dict.fromkeys(('sklearn', 'pyarrow', 'scipy', 'torch', 'transformers')))\n"


def without_sklearn(code, *args):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FORBIDDEN + code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_a_head_answers_where_scikit_learn_is_not(learnt):
    code = "import pixwise as px; print(px.classify(sys.argv[1], sys.argv[2]).labels[0])"
    done = without_sklearn(code, learnt[0] / "blau/1.png", learnt[1].folder)
    assert done.stdout.strip() == "blau", done.stderr


def test_a_collection_answers_where_scikit_learn_is_not(tmp_path, looker):
    from pixwise.collections import Shelf, sample_of_folder, train

    folder = draw_folder(tmp_path / "reds", count=6)
    train(sample_of_folder(folder, looker), id="reds", shelf=Shelf(tmp_path / "kept"))
    code = (
        "from pixwise.collections import classify\n"
        "for name in ('yes/1.png', 'no/1.png'):\n"
        "    print(classify(f'{sys.argv[1]}/{name}', 'reds', folder=sys.argv[2]).is_in_collection)"
    )
    assert without_sklearn(code, folder, tmp_path / "kept").stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    "code",
    [
        "from pixwise.collections.training import scikit_learn; scikit_learn()",
        "from pixwise.collections.sources import _read_parquet; _read_parquet('a.parquet')",
    ],
)
def test_training_without_its_packages_says_what_to_install(code):
    done = without_sklearn(code)
    assert "pip install 'pixwise[learn]'" in done.stderr
    assert "SetupError" in done.stderr
