"""schemathesis walks /openapi.json against the running process: whatever it sends, nothing answers 500."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.running_gateway import gateway_process


@pytest.mark.behaviour("T5")
def test_nothing_that_schemathesis_sends_is_a_server_error(tmp_path: Path) -> None:
    with gateway_process() as running:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{running.url}/openapi.json",
            "--checks", "not_a_server_error", "--max-examples", "25", "--seed", "1", "--phases", "examples,fuzzing",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout
