"""`pixwise serve --new-key`: the key is shown once, and the settings get its hash."""

import hashlib
import tomllib

from pixwise.serve.settings import load_settings


def test_the_key_goes_to_whoever_looks_and_its_hash_to_the_settings_file(cli, tmp_path):
    made = cli("serve", "--new-key", "anna")
    key = next(line for line in made.err.splitlines() if line.startswith("pixwise_"))
    entry = tomllib.loads(made.out)["keys"][0]
    assert made.code == 0
    assert key not in made.out
    assert entry["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    (tmp_path / "pixwise.toml").write_text(made.out)
    assert load_settings(tmp_path / "pixwise.toml").keys[0].name == "anna"


def test_a_name_that_no_log_could_have_is_refused(cli):
    made = cli("serve", "--new-key", "a b")
    assert made.code == 2
    assert "name of a key must be 1 to 64 letters" in made.err
