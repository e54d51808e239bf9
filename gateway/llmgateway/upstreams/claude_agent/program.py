"""The program that a session runs: where it lies, its arguments, its environment.

Sources: `claude_agent_sdk.ClaudeAgentOptions` (a contract test compares ARGUMENTS with what the SDK builds), and the
vendor's page on Claude Code's environment variables.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Final

PACKAGE: Final = "claude_agent_sdk"

ARGUMENTS: Final = (
    "--output-format", "stream-json", "--verbose",
    "--system-prompt", "",  # each request brings its own
    "--tools", "",  # no tool of the agent's own; `--allowedTools` alone removes none
    "--max-turns", "1",  # one API request per question: a tool call ends the turn
    "--permission-mode", "dontAsk",  # what needs a permission is denied
    "--include-partial-messages",
    "--strict-mcp-config",
    "--setting-sources=",  # no settings, CLAUDE.md, hooks, skills from disk
    "--no-session-persistence",  # no transcript is written
    "--input-format", "stream-json",
)  # fmt: skip

FIXED: Final = {
    "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
    "CLAUDE_CODE_SIMPLE": "1",  # no report about the machine in the prompt, no hooks
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",  # it would say a cut answer's text twice
    "CLAUDE_CODE_MAX_RETRIES": "0",  # the gateway retries and fails over itself
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_COMPACT": "1",  # a client's history is never summarised behind its back
    "DISABLE_AUTO_COMPACT": "1",
    "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE": "1000000000",  # the API knows the window, the program guesses
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "PATH": "/nonexistent",  # it has nothing to run
}

PASSED_ON: Final = (
    "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "LANG", "LC_ALL", "TZ",
)  # fmt: skip
"""All that a session inherits from the gateway's environment."""


def find_program() -> Path | None:
    """The command line that the package ships; None when the extra `claude-agent` is not installed."""
    found = importlib.util.find_spec(PACKAGE)  # does not import it
    for location in (found.submodule_search_locations or []) if found else []:
        program = Path(location) / "_bundled" / "claude"
        if program.is_file() and os.access(program, os.X_OK):
            return program
    return None


def environment(folder: Path, config: Path, *, base_url: str | None, read_timeout: float) -> dict[str, str]:
    """The whole environment of a session. It holds no credential: that comes with each request, over the pipe.

    `folder`: the session's own empty folder; `config`: where its login and settings are looked for."""
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own |= FIXED
    own |= {"HOME": str(folder), "TMPDIR": str(folder), "PWD": str(folder), "CLAUDE_CONFIG_DIR": str(config)}
    own["API_TIMEOUT_MS"] = str(int(read_timeout * 1000))
    if base_url:
        own["ANTHROPIC_BASE_URL"] = base_url
    return own
