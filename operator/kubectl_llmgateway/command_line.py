"""`kubectl llmgateway`: flags, then one subcommand. Exit status: 0, 1 failure, 2 wrong usage, 130 Ctrl-C."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from kubectl_llmgateway.completion import COMMANDS
from kubectl_llmgateway.kubectl import Kubectl, PluginError
from kubectl_llmgateway.tree import Style


def parser() -> argparse.ArgumentParser:
    """All flags. Those of kubectl have kubectl's names and go to kubectl as they are."""
    cluster = argparse.ArgumentParser(add_help=False)
    cluster.add_argument("-n", "--namespace", help="the gateway's namespace; default: the context's")
    cluster.add_argument("--context", help="context of the kubeconfig")
    cluster.add_argument("--kubeconfig", help="path of the kubeconfig")
    flags = argparse.ArgumentParser(prog="kubectl llmgateway", description="LLM gateways from a terminal.")
    commands = flags.add_subparsers(dest="command", required=True, metavar="COMMAND")
    status = commands.add_parser("status", parents=[cluster], help=COMMANDS["status"])
    status.add_argument("name", nargs="?", help="an LLMGateway; left out: all of the namespace")
    rotate = commands.add_parser("rotate", parents=[cluster], help=COMMANDS["rotate"])
    rotate.add_argument("name", help="an LLMCredential")
    rotate.add_argument("--timeout", type=float, default=180, metavar="S", help="seconds to wait (default: 180)")
    _chat_flags(commands.add_parser("chat", parents=[cluster], help=COMMANDS["chat"]))
    check = commands.add_parser("check", help=COMMANDS["check"])
    check.add_argument("-f", "--filename", required=True, metavar="FILE", help="YAML; - is standard input")
    return flags


def _chat_flags(chat: argparse.ArgumentParser) -> None:
    chat.add_argument("name", help="an LLMGateway")
    chat.add_argument("message", nargs="*", help="what to say; left out: lines of standard input, a turn each")
    chat.add_argument("--url", default="", help="the gateway's address; left out: through kubectl port-forward")
    chat.add_argument("--model", default="", help="left out: the gateway's default model")
    chat.add_argument(
        "--client", default="", help="use this client's key of the gateway's Secret; else $LLMGATEWAY_API_KEY"
    )


def style_of(stream: TextIO) -> Style:
    """Colour on a terminal, unless https://no-color.org or a dumb one says no; Unicode where it can be written."""
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    try:
        "├✓…".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return Style(colour, unicode=False)
    return Style(colour)


def progress_on(stream: TextIO) -> Callable[[str], None]:
    """One line that is overwritten on a terminal; elsewhere a line for each new state, without the seconds' ticking."""
    said = ""

    def say(line: str) -> None:
        nonlocal said
        if stream.isatty():
            stream.write(f"\r\x1b[K{line}")
        elif (state := line.partition(": ")[2]) != said:
            said = state
            stream.write(f"{line}\n")
        stream.flush()

    return say


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = parser().parse_args(arguments)
    try:
        {"status": _status, "rotate": _rotate, "chat": _chat, "check": _check}[options.command](options)
    except PluginError as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # what Python flushes at exit goes nowhere
    return 0


def _kubectl(options: argparse.Namespace) -> Kubectl:
    given = {name: getattr(options, name) for name in ("namespace", "context", "kubeconfig")}
    return Kubectl(tuple(f"--{name}={value}" for name, value in given.items() if value))


def _status(options: argparse.Namespace) -> None:
    from kubectl_llmgateway.status import status_text

    now = datetime.datetime.now(datetime.UTC)
    sys.stdout.write(status_text(_kubectl(options), options.name, style_of(sys.stdout), now))


def _rotate(options: argparse.Namespace) -> None:
    from kubectl_llmgateway.rotation import rotate

    try:
        print(rotate(_kubectl(options), options.name, options.timeout, progress_on(sys.stderr)))
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")


def _chat(options: argparse.Namespace) -> None:
    from kubectl_llmgateway.chat import chat

    message = " ".join(options.message)
    chat(_kubectl(options), options.name, message, url=options.url, model=options.model, client=options.client)


def _check(options: argparse.Namespace) -> None:
    from kubectl_llmgateway.check import check

    print(check(options.filename))
