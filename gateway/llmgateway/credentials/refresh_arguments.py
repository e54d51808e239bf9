"""The command line of `llmgateway refresh-credential`: settings and file names, never a secret."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from llmgateway.credentials.kubernetes_secrets import SERVICE_ACCOUNT
from llmgateway.credentials.oauth_exchange import (
    ClientCredentialsGrant,
    Grant,
    JwtBearerGrant,
    Secret,
    TokenEndpoint,
    TokenExchangeGrant,
    build_request,
)
from llmgateway.credentials.refresh_settings import Settings
from llmgateway.credentials.refresh_steps import Rules
from llmgateway.credentials.token_endpoint import NotSent
from llmgateway.credentials.token_formats import SourceShape

GRANTS: Final = ("RefreshToken", "ClientCredentials", "TokenExchange", "JWTBearer")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Exits with 2 and a sentence when the arguments make no sense."""
    parser = argparse.ArgumentParser(
        prog="llmgateway refresh-credential",
        description="Renews the tokens of one LLMCredential, once. The operator's CronJob runs it.",
        allow_abbrev=False,
    )
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--name", required=True, help="name of the LLMCredential")
    _add_places(parser)
    _add_endpoint(parser)
    _add_rules(parser)
    return parser.parse_args(arguments)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", required=True, metavar="SECRET", help="Secret that holds the current tokens")
    parser.add_argument("--recovery", required=True, metavar="SECRET", help="Secret with the second copy")
    parser.add_argument("--lease", required=True, metavar="LEASE", help="Lease that makes this run the only one")
    parser.add_argument("--source", default="", metavar="SECRET", help="bootstrap Secret, only read")
    parser.add_argument("--source-format", choices=("Keys", "ClaudeCredentialsJSON"), default="Keys")
    parser.add_argument("--source-key", action="append", default=[], type=_pair, metavar="PART=KEY",
                        help="refreshToken, accessToken or expiresAt, and its key in the source")  # fmt: skip
    parser.add_argument("--service-account", type=Path, default=SERVICE_ACCOUNT, metavar="FOLDER")


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--grant", choices=GRANTS, default="RefreshToken")
    parser.add_argument("--token-url", required=True)
    parser.add_argument("--client-id", default="")
    parser.add_argument("--client-secret-file", type=Path, metavar="FILE")
    parser.add_argument("--identity-token-file", type=Path, metavar="FILE", help="the projected service-account token")
    parser.add_argument("--authorities-file", type=Path, metavar="FILE", help="PEM; left out: the system's")
    parser.add_argument("--scope", action="append", default=[])
    parser.add_argument("--auth-style", choices=("Body", "Basic"), default="Body")
    parser.add_argument("--body-format", choices=("Form", "JSON"), default="Form")
    parser.add_argument("--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE")
    parser.add_argument("--header", action="append", default=[], type=_pair, metavar="NAME=VALUE")


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--before", type=float, default=1800.0, metavar="SECONDS",
                        help="a token that lives longer is left alone")  # fmt: skip
    parser.add_argument("--reuse-grace", type=float, default=0.0, metavar="SECONDS",
                        help="for how long the server takes an exchanged refresh token again; 0: unknown")  # fmt: skip
    parser.add_argument("--request", default="", metavar="ID", help="rotate even if the token is fresh, once per ID")
    parser.add_argument("--ended-job", default="", metavar="JOB", help="a Job that ended: its lock is taken over")
    parser.add_argument("--run", default="", metavar="ID", help="<Job>/<Pod uid>; left out: made up")


def settings_of(options: argparse.Namespace, run: str) -> Settings:
    """What the run needs. Raises OSError when the client secret can't be read."""
    secret = options.client_secret_file
    endpoint = TokenEndpoint(
        url=options.token_url,
        client_id=options.client_id,
        client_secret=None if secret is None else Secret(secret.read_text(encoding="utf-8").strip()),
        scopes=tuple(options.scope),
        auth_style=options.auth_style,
        body_format=options.body_format,
        parameters=dict(options.parameter),
        headers=dict(options.header),
    )
    single_use = options.grant == "RefreshToken"
    return Settings(
        rules=Rules(
            run=run,
            single_use=single_use,
            before=options.before,
            grace=options.reuse_grace,
            request=options.request,
        ),
        target=options.target,
        recovery=options.recovery,
        source=options.source if single_use else "",
        shape=SourceShape(format=options.source_format, keys=dict(options.source_key)),
        build=partial(build_request, endpoint),
        repeatable_grant=_repeatable(options.grant, options.identity_token_file),
    )


def _repeatable(grant: str, identity: Path | None) -> Callable[[], Grant]:
    if grant == "ClientCredentials":
        return ClientCredentialsGrant
    return partial(_identity_grant, grant, identity)


def _identity_grant(grant: str, identity: Path | None) -> Grant:
    try:
        token = Secret((identity or Path("/nowhere")).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise NotSent(f"the workload's own token can't be read: {type(error).__name__}") from None
    return TokenExchangeGrant(token) if grant == "TokenExchange" else JwtBearerGrant(token)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE is expected")
    return name, value
