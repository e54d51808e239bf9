"""The `llmgateway` command. Subcommands import what they need: `check` must not pay for the server."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

HINTS = """\
llmgateway on http://{host}:{port} (configuration: {source})
  console     http://{host}:{port}/
  try         curl http://{host}:{port}/v1/models
              curl http://{host}:{port}/v1/chat/completions -H 'content-type: application/json' \\
                -d '{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "hello"}}]}}'
              curl -N http://{host}:{port}/v1/messages -H 'content-type: application/json' \\
                -d '{{"model": "claude", "max_tokens": 64, "stream": true, \
"messages": [{{"role": "user", "content": "hello"}}]}}'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["refresh-credential"]:  # has a parser of its own: the CronJob's program must start fast
        from llmgateway.refresh_credential import main as refresh

        return refresh(given[1:])
    options = _parser().parse_args(given)
    return {"serve": _serve, "check": _check}[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llmgateway", description="The LLM gateway.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the gateway")
    serve.add_argument("-f", "--file", type=Path, help="YAML with one LLMGateway (default: the embedded one)")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8080)
    serve.add_argument(
        "--workers", type=_workers, default=os.environ.get("LLMGATEWAY_WORKERS", "1"), metavar="N",
        help="processes; auto: one for each core (default: $LLMGATEWAY_WORKERS, else 1)",
    )  # fmt: skip
    serve.add_argument("--secrets-dir", type=Path, help="folder with <secret name>/<key> files")
    check = commands.add_parser("check", help="validate a file as the API server would")
    check.add_argument("-f", "--file", type=Path, required=True)
    commands.add_parser("refresh-credential", help="renew one credential's tokens (what the CronJob runs)")
    return parser


def _workers(given: str) -> str:
    if given != "auto" and not (given.isdigit() and int(given) > 0):
        raise argparse.ArgumentTypeError(f"{given!r} is neither a number of processes nor auto")
    return given


def _serve(options: argparse.Namespace) -> int:
    from llmgateway.server.configuration_file import InvalidConfiguration
    from llmgateway.server.serve import serve

    print(HINTS.format(host=options.host, port=options.port, source=options.file or "embedded default"), flush=True)
    try:
        return serve(options.file, options.host, options.port, options.secrets_dir, options.workers)
    except InvalidConfiguration as error:
        return _report(error.errors)
    except OSError as error:
        print(f"llmgateway: {error}", file=sys.stderr)
        return 1


def _check(options: argparse.Namespace) -> int:
    from llmgateway_api.documents import load_documents

    try:
        errors = load_documents(options.file.read_text(encoding="utf-8")).errors
    except OSError as error:
        print(f"llmgateway: {error}", file=sys.stderr)
        return 1
    return _report(errors) if errors else 0


def _report(errors: Sequence[object]) -> int:
    for error in errors:
        print(error, file=sys.stderr)
    return 1
