"""The source as ruff wants it: what pyproject.toml says of it is true."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("check", [("check",), ("format", "--check")], ids=["rules", "format"])
def test_ruff_has_nothing_to_say(app_dir, check):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *check, "--no-cache", "."],
        cwd=app_dir,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
