"""Credentials of a gateway without a cluster: the gateway itself is the one writer.

`look` renews what is due, before the gateway starts and then whenever `seconds_until_due` have passed; it blocks, so a
server calls it in a thread. What it returns goes into the SecretStore as inline Secrets; the same lies in files
(`<folder>/<target>/<key>`, 0600) for the subprocesses of the Claude Agent SDK, which only read.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from llmgateway.credentials import timestamps
from llmgateway.credentials.file_secrets import FileSecrets, Source
from llmgateway.credentials.oauth_exchange import ClientCredentialsGrant, Secret, TokenEndpoint, build_request
from llmgateway.credentials.refresh_program import RefreshRun
from llmgateway.credentials.refresh_settings import Report, Settings
from llmgateway.credentials.refresh_steps import Rules
from llmgateway.credentials.token_endpoint import HttpTokenEndpoint, NotSent
from llmgateway.credentials.token_formats import SourceShape, UnreadableLogin, kept, read_source
from llmgateway_api.credential import CredentialSource, LLMCredential, OAuth
from llmgateway_api.references import SecretKeyReference
from llmgateway_api.scalars import Duration

LONGEST_WAIT: Final = 4 * 3600.0  # seconds between two looks at a token whose end is unknown or far
SHORTEST_WAIT: Final = 60.0  # seconds between two tries

GRACE_ANNOTATION: Final = "llmgateway.dev/refresh-reuse-grace"
"""Annotation of an LLMCredential: for how long its server is known to take an exchanged refresh token again."""

PART_KEYS: Final = {"refreshToken": "refresh_token", "accessToken": "access_token", "expiresAt": "expires_at"}


def state_folder() -> Path:
    """`$XDG_STATE_HOME/llmgateway/credentials`, by default under `~/.local/state` (XDG Base Directory)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "llmgateway" / "credentials"


class StandAloneCredentials:
    """The credentials of one configuration file. `source` reads a Secret of the file or of the secrets folder."""

    def __init__(self, credentials: Iterable[LLMCredential], folder: Path, source: Source) -> None:
        self._credentials = {each.metadata.name: each for each in credentials}
        self._folder = folder
        self._source = source
        self.reports: dict[str, Report] = {}
        """How the last look at each credential ended; without secrets."""

    def look(self) -> dict[str, Mapping[str, bytes]]:
        """Renews what is due; the data of each target Secret as readers may have it. Raises OSError."""
        found: dict[str, Mapping[str, bytes]] = {}
        for name, credential in self._credentials.items():
            data = self._renewed(name, credential) if _is_renewed(credential) else self._copied(name, credential)
            if data:
                found[credential.target_secret_name] = data
        return found

    def seconds_until_due(self, now: float | None = None) -> float:
        """When `look` is wanted again: at half of the rest of the shortest life, soon after a failure."""
        moment = time.time() if now is None else now
        return min([LONGEST_WAIT, *(_wait(report, moment) for report in self.reports.values())])

    def _renewed(self, name: str, credential: LLMCredential) -> Mapping[str, bytes]:
        target, recovery = credential.target_secret_name, f"{name}-recovery"
        store = FileSecrets(self._folder, name, (target, recovery), self._source)
        try:
            settings, endpoint = self._settings(credential, target, recovery)
            self.reports[name] = RefreshRun(settings, store, endpoint, time.sleep).run()
        except NotSent as error:
            self.reports[name] = Report(reason="RefreshFailed", message=str(error))
        return store.publish(target)

    def _copied(self, name: str, credential: LLMCredential) -> Mapping[str, bytes]:
        """Static, or not to be refreshed: the source's access token, as it is."""
        source = credential.spec.source_ref
        data = self._source(source.name) if source else None
        if source is None or data is None:
            return {}
        try:
            login = read_source(shape_of(source), data)
        except UnreadableLogin as error:
            self.reports[name] = Report(reason="SourceUnreadable", message=f"Secret {source.name} {error}")
            return {}
        login.refresh = ""
        return kept(login)

    def _settings(self, credential: LLMCredential, target: str, recovery: str) -> tuple[Settings, HttpTokenEndpoint]:
        spec, oauth = credential.spec, credential.spec.oauth
        if oauth is None:
            raise NotSent("no token endpoint is configured")
        if spec.type == "TokenExchange":
            raise NotSent("a stand-alone gateway has no service-account token to exchange")
        endpoint = TokenEndpoint(
            url=oauth.token_url,
            client_id=oauth.client_id or "",
            client_secret=self._secret(oauth.client_secret_ref),
            scopes=tuple(oauth.scopes),
            auth_style=oauth.auth_style,
            body_format=oauth.body_format,
            parameters=oauth.parameters,
            headers=oauth.headers,
        )
        single_use = spec.type == "RefreshToken"
        rules = Rules(
            run=f"stand-alone/{uuid.uuid4()}",
            single_use=single_use,
            before=spec.refresh.before,
            grace=grace_of(credential),
            request=spec.refresh.requested_at or "",
        )
        settings = Settings(
            rules=rules,
            target=target,
            recovery=recovery,
            source=spec.source_ref.name if spec.source_ref else "",
            shape=shape_of(spec.source_ref) if spec.source_ref else SourceShape(),
            build=partial(build_request, endpoint),
            repeatable_grant=ClientCredentialsGrant,
        )
        return settings, self._endpoint(oauth)

    def _endpoint(self, oauth: OAuth) -> HttpTokenEndpoint:
        authorities = self._secret(oauth.ca_secret_ref)
        if authorities is None:
            return HttpTokenEndpoint(oauth.token_url)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(authorities.value)
            file.flush()
            return HttpTokenEndpoint(oauth.token_url, file.name)

    def _secret(self, reference: SecretKeyReference | None) -> Secret | None:
        if reference is None:
            return None
        value = (self._source(reference.name) or {}).get(reference.key)
        if value is None:
            raise NotSent(f"Secret {reference.name} has no key {reference.key}")
        return Secret(value.decode("utf-8", "replace").strip())


def shape_of(source: CredentialSource) -> SourceShape:
    """The spec's words for how the bootstrap Secret is written."""
    keys = source.keys
    named = {part: getattr(keys, attribute) for part, attribute in PART_KEYS.items()} if keys else {}
    return SourceShape(format=source.format, keys={part: key for part, key in named.items() if key})


def grace_of(credential: LLMCredential) -> float:
    """In seconds; 0 where nothing is known, or where the annotation makes no sense."""
    try:
        return float(Duration(credential.metadata.annotations.get(GRACE_ANNOTATION, "0s")))
    except ValueError:
        return 0.0


def _is_renewed(credential: LLMCredential) -> bool:
    spec = credential.spec
    return spec.type != "Static" and spec.refresh.enabled and not spec.suspend


def _wait(report: Report, now: float) -> float:
    ends = timestamps.from_text(report.expires_at)
    if not report.well or ends is None:
        return LONGEST_WAIT if report.well else SHORTEST_WAIT
    return max(SHORTEST_WAIT, (ends - now) / 2)


def secret_reader(all_of: Callable[[str], Mapping[str, str] | None]) -> Source:
    """A `Source` over `SecretStore.all_of`."""

    def read(name: str) -> Mapping[str, bytes] | None:
        values = all_of(name)
        return None if values is None else {key: value.encode() for key, value in values.items()}

    return read
