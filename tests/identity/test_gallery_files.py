"""Galleries as files: whole or not at all, nothing foreign, nothing run."""

import io
import json
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pixwise.errors import OptionError, OutputError, SourceError
from pixwise.identity import gallery_files as files
from pixwise.identity.gallery import Gallery
from pixwise.results import ModelInfo

MODEL = ModelInfo("sface", "3d" * 20, "fp32", "Apache-2.0")
both_forms = pytest.mark.parametrize("suffix", [".npz", ".json"])


def gallery():
    made, random = Gallery(MODEL), np.random.default_rng(0)
    for name in ("Ada", "エイダ 👩‍🚀", "علی‌رضا"):
        made.add(name, random.normal(size=(2, 128)))
    return made


@both_forms
def test_what_was_saved_is_read_back_to_the_last_bit(tmp_path, suffix):
    gallery().save(tmp_path / f"people{suffix}")
    read = Gallery.load(tmp_path / f"people{suffix}")
    assert (read.people, read.model, read.dimension) == (gallery().people, MODEL, 128)
    for name in read:
        assert np.array_equal(read.vectors_of(name), gallery().vectors_of(name))


@both_forms
def test_an_empty_gallery_is_saved_too(tmp_path, suffix):
    Gallery(MODEL).save(tmp_path / f"people{suffix}")
    read = Gallery.load(tmp_path / f"people{suffix}")
    assert (len(read), read.model) == (0, MODEL)


@both_forms
def test_the_same_people_give_the_same_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        gallery().save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@both_forms
def test_a_crash_while_writing_leaves_the_old_file_and_no_other(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"people{suffix}"
    gallery().save(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match="expected to be written, got No space left on device"):
        Gallery(MODEL).save(path)
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, [path.name])


@both_forms
@pytest.mark.parametrize("size", [0, 10, 200])
def test_a_file_that_was_cut_off_is_refused(tmp_path, suffix, size):
    path = tmp_path / f"people{suffix}"
    gallery().save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(OptionError, match=f"people{suffix}: expected a gallery that Pixwise saved"):
        Gallery.load(path)


@both_forms
@pytest.mark.parametrize("content", [b"not a gallery", b"[]", b'{"schema": 1}', b"null", b"[" * 100_000, b"\xff\xfe"])
def test_another_file_is_refused(tmp_path, suffix, content):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(OptionError, match=f"x{suffix}: "):
        Gallery.load(tmp_path / f"x{suffix}")


def test_a_foreign_file_is_not_advised_to_be_loaded_as_a_pickle(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"junk")
    np.savez(tmp_path / "y.npz", facts=np.array([{}]), names=np.array(["Ada"]), vectors=np.eye(4)[:1])
    for name, words in (("x.npz", r"\(no npz archive\)"), ("y.npz", r"\(an array in it is neither numbers nor text\)")):
        with pytest.raises(OptionError, match=words):
            Gallery.load(tmp_path / name)


class Trap:
    def __reduce__(self):
        return print, ("it ran",)


def test_no_pickle_is_ever_read(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", facts=np.array(Trap(), object), names=np.array(["Ada"]), vectors=np.ones((1, 3)))
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(OptionError, match="expected a gallery that Pixwise saved"):
            Gallery.load(tmp_path / name)
    assert capsys.readouterr().out == ""


def spoiled(change):
    document = {"schema": files.SCHEMA, "model": {**vars(MODEL)}, "people": [{"name": "Ada", "vectors": [[1.0, 0.0]]}]}
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made.update(schema="pixwise/gallery/9"), "schema must be 'pixwise/gallery/1', got"),
        (lambda made: made.pop("people"), "another or a broken file \\('people'\\)"),
        (lambda made: made["model"].pop("id"), "another or a broken file \\('id'\\)"),
        (lambda made: made["people"][0].update(vectors=[[1.0, 0.0], [1.0]]), "another or a broken file"),
        (lambda made: made["people"][0].update(vectors=[[3.0, 0.0]]), "vectors must have length 1"),
        (lambda made: made["people"][0].update(vectors=[[float("nan"), 0.0]]), "vectors must have length 1"),
        (lambda made: made["people"][0].update(name="a\nb"), "name must be one line"),
        (lambda made: made["people"][0].update(name=7), "name must be text"),
    ],
    ids=["schema", "no people", "no model", "ragged", "length", "nan", "name", "number"],
)
def test_spoiled_documents_are_refused_with_the_reason(tmp_path, change, said):
    (tmp_path / "people.json").write_text(spoiled(change))
    with pytest.raises(OptionError, match=f"people.json: .*{said}"):
        Gallery.load(tmp_path / "people.json")


def test_an_npz_that_claims_to_be_larger_than_the_memory_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 50,)})
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("facts.npy", header.getvalue())
    with pytest.raises(OptionError, match="expected a gallery that Pixwise saved, got another or a broken file"):
        Gallery.load(tmp_path / "bomb.npz")


def test_another_suffix_a_missing_file_and_a_missing_folder_are_told(tmp_path):
    with pytest.raises(OptionError, match=r"gallery must be a \.npz or \.json file, got '.*people.pkl'"):
        Gallery().save(tmp_path / "people.pkl")
    with pytest.raises(SourceError, match=r"none\.npz: expected a gallery, got No such file or directory; make one"):
        Gallery.load(tmp_path / "none.npz")
    with pytest.raises(OutputError, match="expected a folder to write into, got No such file"):
        Gallery().save(tmp_path / "no" / "people.npz")


def test_changes_at_the_same_time_are_all_kept(tmp_path):
    def add(number):
        with Gallery.changing(tmp_path / "people.npz", new=True) as people:
            people.add(f"person {number}", np.eye(128)[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    assert len(Gallery.load(tmp_path / "people.npz")) == 20


def test_a_change_that_fails_leaves_the_gallery_as_it_was(tmp_path):
    gallery().save(tmp_path / "people.json")
    with pytest.raises(OptionError, match="name must be"), Gallery.changing(tmp_path / "people.json") as people:
        [people.remove(name) for name in ("Ada", "Bob")]
    assert "Ada" in Gallery.load(tmp_path / "people.json")
    with pytest.raises(SourceError, match="make one: pixwise gallery add"), Gallery.changing(tmp_path / "none.npz"):
        pass


def test_a_link_stays_one_and_rights_stay_as_they_were(tmp_path):
    (tmp_path / "people.npz").symlink_to("real.npz")
    gallery().save(tmp_path / "people.npz")
    assert (tmp_path / "real.npz").stat().st_mode & 0o777 == 0o600
    (tmp_path / "real.npz").chmod(0o640)
    gallery().save(tmp_path / "people.npz")
    assert (tmp_path / "people.npz").is_symlink()
    assert (tmp_path / "real.npz").stat().st_mode & 0o777 == 0o640
