"""The bytes of a picture from every kind of source, and every source that is none."""

import base64
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from pixwise.errors import OptionError, SourceError
from pixwise.picture import Limits, Picture, limit_names


@pytest.fixture(scope="module")
def data():
    file = io.BytesIO()
    Image.radial_gradient("L").resize((120, 90)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def path(tmp_path, data):
    path = tmp_path / "Überraschung am Straßenrand, Bild 1.png"
    path.write_bytes(data)
    return path


def test_a_path_with_blanks_and_umlauts_is_the_name_of_the_picture(path):
    assert Picture.open(str(path)).source == str(path)


def test_open_files_are_read_buffered_raw_and_from_where_they_stand(path, data):
    for buffering in (-1, 0):
        with open(path, "rb", buffering) as file:
            assert Picture.open(file).size_hw == (90, 120)
    file = io.BytesIO(b"junk" + data)
    file.seek(4)
    assert Picture.open(file).size_hw == (90, 120)


def test_a_pipe_that_gives_less_than_asked_is_read_to_its_end(data):
    reading, writing = os.pipe()
    thread = threading.Thread(target=lambda: [os.write(writing, data[i : i + 100]) for i in range(0, len(data), 100)])
    thread.start()
    closer = threading.Thread(target=lambda: (thread.join(), os.close(writing)))
    closer.start()
    with open(reading, "rb", 0) as file:
        assert Picture.open(file).size_hw == (90, 120)
    closer.join()


def test_a_dash_is_standard_input(data):
    code = "import sys; from pixwise.picture import Picture; print(Picture.open('-').size_hw)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.split() == b"(90, 120)".split()


def test_data_uris_come_in_several_spellings(data):
    body = base64.b64encode(data).decode()
    lines = "\n".join(body[i : i + 76] for i in range(0, len(body), 76))
    percent = "".join(f"%{byte:02x}" for byte in data)
    for uri in (f"DATA:;base64,{body}", f"data:image/jpeg;base64,{lines}", f"data:,{percent}"):
        assert Picture.open(uri).format == "PNG"


@pytest.mark.parametrize("source", [None, 5, 1.5, ["a.png"], {"a": 1}, object()])
def test_other_things_are_refused_by_name(source):
    with pytest.raises(OptionError, match=f"picture must be a path.*got {type(source).__name__}"):
        Picture.open(source)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"nothing\.png: expected a picture, got no such file"):
        Picture.open(tmp_path / "nothing.png")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="expected one picture, got a folder"):
        Picture.open(tmp_path)


def test_an_unreadable_file_says_so(path):
    """Root may read everything, so a process without rights tries."""
    if not hasattr(os, "setuid") or os.getuid() != 0:
        path.chmod(0)
        with pytest.raises(SourceError, match="got permission denied"):
            Picture.open(path)
        return
    path.chmod(0o600)
    for folder in [path.parent, *path.parent.parents][:3]:
        folder.chmod(0o755)
    code = "import os, sys; from pixwise.picture import Picture; os.setuid(65534); Picture.open(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "expected a readable file, got permission denied; check its mode" in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "got an empty string"),
        ("a\0b", "got embedded null byte"),
        ("x" * 5000, "got a name that is too long"),
        ("ftp://host/a.png", "scheme must be http, https or data, got 'ftp'"),
        ("data:image/png;base64", "without a comma"),
        ("data:image/png;base64,####", "data URI must be"),
        ("data:image/png;base64,abcde", "data URI must be"),
        ("http://host/a.png", "while URLs are off; pass allow_urls=True"),
        ("~/no such ~.png", "no such file"),
    ],
)
def test_strings_that_lead_nowhere_say_why(source, words):
    with pytest.raises(SourceError, match=words) as caught:
        Picture.open(source)
    assert len(str(caught.value)) < 400


def test_a_file_opened_as_text_is_refused(path, tmp_path):
    for file in (path.open(encoding="utf-8"), path.open(encoding="latin-1"), io.StringIO("text")):
        with file, pytest.raises(OptionError, match="must be opened in binary mode, got text; use open"):
            Picture.open(file)


def test_closed_and_write_only_files_are_refused(path, tmp_path):
    file = path.open("rb")
    file.close()
    with pytest.raises(SourceError, match=r"expected an open readable file, got .*closed file"):
        Picture.open(file)
    with (tmp_path / "w").open("wb") as file, pytest.raises(SourceError, match="expected an open readable file"):
        Picture.open(file)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs an endless file")
def test_a_device_is_refused_for_it_may_have_no_end():
    with pytest.raises(SourceError, match="/dev/zero: expected a regular file or a pipe, got a device; check the path"):
        Picture.open("/dev/zero")


@pytest.mark.parametrize("value", [0, -1, 1.5, "9", True, None])
def test_a_limit_that_is_no_number_is_an_error(value):
    with pytest.raises(OptionError, match="max_side must be a whole number above 0"):
        Limits(max_side=value)


def test_the_names_of_the_limits_are_known():
    assert limit_names() == ("max_bytes", "max_pixels", "max_side", "max_frames")
