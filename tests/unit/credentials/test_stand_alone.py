"""A gateway without a cluster: it is the one writer, its files are private, a crash of it leaves a lock to nobody."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from llmgateway.credentials.file_secrets import FileSecrets
from llmgateway.credentials.secret_port import Conflict
from llmgateway.credentials.stand_alone import SHORTEST_WAIT, StandAloneCredentials
from llmgateway_api import LLMCredential
from support.kubectl import wait_until
from support.token_families import MARK, TokenFamilies
from support.token_server import TokenServer

CLAUDE = {"name": "bootstrap", "format": "ClaudeCredentialsJSON"}


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer(TokenFamilies()) as running:
        yield running


def credential(server: TokenServer, **spec: object) -> LLMCredential:
    given = {
        "type": "RefreshToken",
        "sourceRef": CLAUDE,
        "oauth": {"tokenURL": server.url},
        "refresh": {"enabled": True},
        **spec,
    }
    document = {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMCredential",
        "metadata": {"name": "claude"},
        "spec": {key: value for key, value in given.items() if value is not None},
    }
    return LLMCredential.parse(document)


def login(server: TokenServer) -> dict[str, bytes]:
    refresh, access = server.families.log_in()
    file = {"claudeAiOauth": {"accessToken": access, "refreshToken": refresh, "expiresAt": 1, "scopes": ["x"]}}
    return {".credentials.json": json.dumps(file).encode()}


def reader(data: Mapping[str, bytes]) -> object:
    return lambda name: data if name == "bootstrap" else None


@pytest.mark.behaviour("C6")
def test_tokens_are_renewed_before_the_start_and_written_for_subprocesses(server: TokenServer, tmp_path: Path) -> None:
    credentials = StandAloneCredentials([credential(server)], tmp_path / "state", reader(login(server)))  # type: ignore[arg-type]  # a plain function
    found = credentials.look()["claude-token"]
    assert server.families.accepts(found["accessToken"].decode())
    assert "refreshToken" not in found
    file = tmp_path / "state" / "claude-token" / ".credentials.json"
    written = json.loads(file.read_text())["claudeAiOauth"]
    assert written["accessToken"] == found["accessToken"].decode()
    assert written["refreshToken"] == ""
    assert written["scopes"] == ["x"]
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "state").rglob("*")}
    assert {mode for name, mode in modes.items() if name != "claude-token"} == {0o600}
    assert modes["claude-token"] == 0o700
    assert 3600 < credentials.seconds_until_due() <= 4 * 3600


@pytest.mark.behaviour("C6")
def test_a_restart_goes_on_with_the_kept_login_and_spends_nothing_while_it_is_fresh(
    server: TokenServer, tmp_path: Path
) -> None:
    data = login(server)
    for _ in range(3):
        credentials = StandAloneCredentials([credential(server)], tmp_path, reader(data))  # type: ignore[arg-type]  # a plain function
        assert credentials.look()["claude-token"]
    assert server.families.presentations == 1


def test_a_failure_keeps_the_old_tokens_and_is_tried_again_soon(server: TokenServer, tmp_path: Path) -> None:
    server.script.append("429")
    credentials = StandAloneCredentials([credential(server)], tmp_path, reader(login(server)))  # type: ignore[arg-type]  # a plain function
    assert credentials.look() == {}
    assert credentials.reports["claude"].reason == "RefreshFailed"
    assert credentials.seconds_until_due() == SHORTEST_WAIT
    assert credentials.look()["claude-token"]
    assert MARK not in repr(credentials.reports)


def test_a_static_key_is_handed_on_as_it_is(server: TokenServer, tmp_path: Path) -> None:
    static = credential(
        server, type="Static", oauth=None, refresh=None, sourceRef={"name": "bootstrap", "keys": {"accessToken": "k"}}
    )
    credentials = StandAloneCredentials([static], tmp_path, reader({"k": b"sk-1"}))  # type: ignore[arg-type]  # a plain function
    assert credentials.look() == {"claude-token": {"accessToken": b"sk-1"}}


@pytest.mark.behaviour("C6")
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = f"""
        import time
        from pathlib import Path
        from llmgateway.credentials.file_secrets import FileSecrets
        FileSecrets(Path({str(tmp_path)!r}), "claude", (), lambda name: None).acquire()
        print("held", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
    wait_until(lambda: process.poll() is not None, 10, "the end of the process")
    store = FileSecrets(tmp_path, "claude", (), lambda name: None)
    store.acquire()
    store.release()


def test_a_file_that_somebody_else_wrote_is_not_overwritten(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path, "claude", ("target",), lambda name: None)
    first = store.read("target")
    store.write(first.changed({"accessToken": b"a"}, "{}"))
    with pytest.raises(Conflict):
        store.write(first.changed({"accessToken": b"b"}, "{}"))
    assert store.read("target").data == {"accessToken": b"a"}
