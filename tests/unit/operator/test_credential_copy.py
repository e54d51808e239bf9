"""The init container's script, run by a real shell on a folder as the kubelet lays it out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from llmgateway_operator.desired.credential_delivery import AGENT_FILE, COPY, HOME, SECRETS, SOURCE


def mounted(folder: Path, values: dict[str, str]) -> None:
    """`..data` points to a dated folder, every key to a file in it."""
    dated = folder / "..2026_01_01"
    dated.mkdir(parents=True)
    (folder / "..data").symlink_to(dated.name)
    for key, value in values.items():
        (dated / key).write_text(value)
        (folder / key).symlink_to(f"..data/{key}")


def run(root: Path) -> None:
    script = COPY
    for place in (SOURCE, SECRETS, HOME):
        (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for place in (SOURCE, HOME):
        script = script.replace(place, f"{root}{place}")
    script = script.replace(f"{SECRETS}/", f"{root}{SECRETS}/")
    subprocess.run(["/bin/sh", "-c", script], check=True)


@pytest.mark.behaviour("O2")
def test_credentials_end_up_as_plain_files_that_the_program_may_write(tmp_path: Path) -> None:
    source = tmp_path / SOURCE.lstrip("/")
    mounted(source / "claude", {AGENT_FILE: "login"})
    mounted(source / "upstream.example", {"token": "one", "ca.crt": "two"})
    run(tmp_path)
    copies = tmp_path / SECRETS.lstrip("/")
    assert (copies / "upstream.example" / "token").read_text() == "one"
    assert sorted(each.name for each in (copies / "upstream.example").iterdir()) == ["ca.crt", "token"]
    agent = tmp_path / HOME.lstrip("/") / ".claude"
    assert (agent / AGENT_FILE).read_text() == "login"
    assert (agent / "debug").is_dir()
    for each in (copies / "upstream.example" / "token", agent / AGENT_FILE):
        assert not each.is_symlink()
        assert each.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_does_not_exist_yet_stops_no_pod(tmp_path: Path) -> None:
    (tmp_path / SOURCE.lstrip("/") / "missing").mkdir(parents=True)
    run(tmp_path)
    assert list((tmp_path / SECRETS.lstrip("/") / "missing").iterdir()) == []
