"""schemathesis over a service of the built-ins, for as long as you like: python bench/schemathesis_long.py [EXAMPLES].

Prints what schemathesis prints; the exit code is 0 where it finds nothing. The test takes 3 examples per route, this
200 unless told otherwise, with another seed each time (SEED in the environment repeats one).
"""

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests" / "serve"
sys.path.insert(0, str(TESTS))

from running_service import served  # noqa: E402

seed = os.environ.get("SEED", str(random.randrange(10**9)))
examples = sys.argv[1] if len(sys.argv) > 1 else "200"
hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(TESTS)}
with served(built_in=True, ui=False, compatible=False) as place, tempfile.TemporaryDirectory() as folder:
    run = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(TESTS / "schemathesis.toml"), "run"]
    options = ["--checks", "all", "--seed", seed, "--suppress-health-check", "all", "--max-examples", examples]
    sys.exit(
        subprocess.run(
            [*run, f"{place.url}/openapi.json", *options], env={**os.environ, **hooks}, cwd=folder
        ).returncode
    )
