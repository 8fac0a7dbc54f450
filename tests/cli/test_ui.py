"""`pixwise ui`: a real process shows the page, and a browser is sent to it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import httpx


@contextlib.contextmanager
def showing(*words, **environment):
    """Yield the process and the address that it told."""
    command = [sys.executable, "-m", "pixwise", "ui", "--built-in", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        yield process, re.search(r"http://\S+", process.stderr.readline())[0]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_page_is_shown_on_a_free_port_until_interrupted():
    with showing("--no-browser") as (process, address):
        assert "<title>Pixwise" in httpx.get(address, timeout=20).text
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_browser_is_sent_to_the_page(tmp_path):
    script = tmp_path / "browser.py"
    script.write_text(f"import sys; open({str(tmp_path / 'seen')!r}, 'w').write(sys.argv[1])")
    with showing(BROWSER=f"{sys.executable} {script} %s") as (_, address):
        end = time.monotonic() + 20
        while not (tmp_path / "seen").exists() or not (tmp_path / "seen").read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert (tmp_path / "seen").read_text() == address


def test_a_port_that_is_taken_is_told(executable):
    with showing("--no-browser") as (_, address):
        taken = re.search(r":(\d+)/", address)[1]
        done = executable("ui", "--no-browser", "--port", taken)
    assert (done.code, "port must be free, got" in done.err) == (2, True)


def test_the_page_is_shown_where_the_settings_turn_it_off(tmp_path):
    (tmp_path / "pixwise.toml").write_text("ui = false\n")
    with showing("--no-browser", "--config", str(tmp_path / "pixwise.toml")) as (_, address):
        assert httpx.get(address, timeout=20).status_code == 200
