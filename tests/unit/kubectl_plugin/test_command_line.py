"""Flags, exit statuses, terminals, completion, and spans of time."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest

from kubectl_llmgateway.command_line import main, parser, progress_on, style_of
from kubectl_llmgateway.completion import COMMANDS, FLAGS, completion
from kubectl_llmgateway.moments import ago_or_ahead, as_text, moment, span
from kubectl_llmgateway.tree import Style

from .conftest import NOW

ROOT = Path(__file__).parents[3]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_valid_file_is_named_with_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    file = f"{ROOT}/examples/quickstart.yaml"
    assert main(["check", "-f", file]) == 0
    assert capsys.readouterr().out == f"{file}: LLMGateway/demo, Secret/upstream-key, Secret/client-keys valid\n"


def test_each_error_of_a_file_has_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "apiVersion: llmgateway.dev/v1alpha1\nkind: LLMGateway\nmetadata: {name: a}\nspec: {backends: [{}], x: 1}\n"
    )
    assert main(["check", "-f", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 3
    assert all(line.startswith("LLMGateway/a: spec.") for line in said.err.splitlines())


def test_standard_input_can_be_checked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\n"))
    assert main(["check", "-f", "-"]) == 0
    assert capsys.readouterr().out == "-: nothing of the gateway valid (not looked at: Deployment/d)\n"


def test_a_missing_file_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-f", "/nowhere.yaml"]) == 1
    assert capsys.readouterr().err == "/nowhere.yaml: No such file or directory\n"


def test_a_missing_kubectl_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["status", "demo"]) == 1
    assert capsys.readouterr().err == "kubectl: No such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["rotate"], ["check"], ["chat"]])
def test_wrong_usage_has_exit_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: kubectl llmgateway" in capsys.readouterr().err


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert style_of(Terminal()) == Style(colour=True)
    assert style_of(io.TextIOWrapper(io.BytesIO(), "utf-8")) == Style(colour=False)
    assert style_of(io.TextIOWrapper(io.BytesIO(), "ascii")) == Style(colour=False, unicode=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert style_of(Terminal()) == Style(colour=False)


def test_progress_is_one_line_on_a_terminal_and_one_per_state_elsewhere() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        say = progress_on(stream)
        for line in ("waiting for 0 s: a", "waiting for 1 s: a", "waiting for 2 s: b"):
            say(line)
    assert terminal.getvalue().count("\n") == 0
    assert terminal.getvalue().split("\r\x1b[K") == [
        "",
        "waiting for 0 s: a",
        "waiting for 1 s: a",
        "waiting for 2 s: b",
    ]
    assert file.getvalue() == "waiting for 0 s: a\nwaiting for 2 s: b\n"


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (["st"], ["status\tShow a gateway with conditions, backends and credentials"]),
        (["status", ""], ["demo", "other"]),
        (["status", "d"], ["demo"]),
        (["-n", "team", "rotate", ""], ["login"]),
        (["status", "demo", ""], []),
        (["rotate", "--t"], ["--timeout"]),
        (["check", "--f"], ["--filename"]),
    ],
)
def test_the_shell_is_offered_commands_names_and_flags(words: list[str], candidates: list[str]) -> None:
    known = {"llmgateway.llmgateway.dev": ["demo", "other"], "llmcredential.llmgateway.dev": ["login"]}
    found = completion(words, lambda kind, _: known[kind])
    assert (found.candidates, found.files) == (candidates, False)


def test_files_are_left_to_the_shell() -> None:
    assert completion(["check", "-f", "ex"], lambda *_: []) == ([], True)


def test_names_are_looked_up_in_the_namespace_that_was_typed() -> None:
    asked: list[tuple[str, ...]] = []
    completion(["-n", "team", "status", "--context=x", ""], lambda _, flags: asked.append(flags) or [])
    assert asked == []  # after a flag, a value may follow: nothing is offered
    completion(["-n", "team", "--context=x", "status", ""], lambda _, flags: asked.append(flags) or [])
    assert asked == [("-n", "team", "--context=x")]


def test_completion_knows_the_commands_and_flags_that_there_are() -> None:
    (commands,) = [each for each in parser()._actions if each.dest == "command"]
    assert set(COMMANDS) == set(FLAGS) == set(commands.choices or {})
    for name, command in dict(commands.choices or {}).items():
        flags = {flag for action in command._actions for flag in action.option_strings if flag.startswith("--")}
        assert set(FLAGS[name]) == flags - {"--help"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (45, "45s"),
        (60, "1m"),
        (90, "1m30s"),
        (11520, "3h12m"),
        (86400 * 12 + 5, "12d"),
        (90061, "1d1h"),
        (-90, "1m30s"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_moments_are_said_from_here() -> None:
    assert ago_or_ahead(NOW + timedelta(hours=1), NOW) == "in 1h"
    assert ago_or_ahead(NOW - timedelta(hours=1), NOW) == "1h ago"
    assert moment("nonsense") is None
    assert moment("2026-01-02T12:00:00") == NOW
    assert as_text(NOW) == "2026-01-02T12:00:00Z"
