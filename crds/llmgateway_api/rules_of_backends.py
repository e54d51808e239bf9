"""What the fields of one backend may say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmgateway_api.addresses import HTTP_URL, matches
from llmgateway_api.rule import Rule, rule

if TYPE_CHECKING:
    from llmgateway_api.backends import Backend, Endpoint, Timeouts
    from llmgateway_api.references import CredentialReference


def _one_address(endpoint: Endpoint) -> bool:
    return (endpoint.url is None) != (endpoint.service_ref is None)


def _plain_url(endpoint: Endpoint) -> bool:
    return endpoint.url is None or matches(HTTP_URL, endpoint.url)


def _endpoint_where_needed(backend: Backend) -> bool:
    return backend.type not in ("VLLM", "LlamaCpp", "Ollama") or backend.endpoint is not None


def _scripted_stands_alone(backend: Backend) -> bool:
    return backend.type != "Scripted" or backend.endpoint is None


def _scripted_needs_no_credential(backend: Backend) -> bool:
    return backend.type != "Scripted" or (backend.credential_ref is None and backend.oauth is None)


def _one_credential(backend: Backend) -> bool:
    return backend.oauth is None or backend.credential_ref is None


def _pool_of_sessions(backend: Backend) -> bool:
    return backend.type == "ClaudeAgent" or backend.session_pool is None


def _no_passthrough_to_scripts(backend: Backend) -> bool:
    return backend.type != "Scripted" or not backend.auth_passthrough


def _some_time(timeouts: Timeouts) -> bool:
    return min(timeouts.connect, timeouts.read, timeouts.write, timeouts.pool) > 0


def _key_of_a_secret(reference: CredentialReference) -> bool:
    return reference.kind != "Secret" or reference.key is not None


BACKEND_RULES: Final[tuple[Rule, ...]] = (
    rule(
        "Endpoint", "one-address", "",
        "give exactly one of url and serviceRef",
        "has(self.url) != has(self.serviceRef)",
        _one_address,
    ),
    rule(
        "Endpoint", "plain-url", "url",
        "must be http://... or https://... without user name, password, query and fragment; "
        "put the credential into a Secret and name it in credentialRef",
        f"!has(self.url) || self.url.matches(r'{HTTP_URL}')",
        _plain_url,
    ),
    rule(
        "Backend", "endpoint-where-needed", "endpoint",
        "is required for the types VLLM, LlamaCpp and Ollama: give endpoint.url or endpoint.serviceRef",
        "!(self.type in ['VLLM', 'LlamaCpp', 'Ollama']) || has(self.endpoint)",
        _endpoint_where_needed,
    ),
    rule(
        "Backend", "scripted-stands-alone", "endpoint",
        "a Scripted backend is built in and has no endpoint: remove endpoint or choose another type",
        "self.type != 'Scripted' || !has(self.endpoint)",
        _scripted_stands_alone,
    ),
    rule(
        "Backend", "scripted-needs-no-credential", "",
        "a Scripted backend is built in and takes no credential: remove credentialRef and oauth",
        "self.type != 'Scripted' || (!has(self.credentialRef) && !has(self.oauth))",
        _scripted_needs_no_credential,
    ),
    rule(
        "Backend", "no-passthrough-to-scripts", "authPassthrough",
        "a Scripted backend takes no credential: remove authPassthrough",
        "self.type != 'Scripted' || !has(self.authPassthrough) || !self.authPassthrough",
        _no_passthrough_to_scripts,
    ),
    rule(
        "Backend", "one-credential", "oauth",
        "oauth makes a credential of its own: remove either oauth or credentialRef",
        "!has(self.oauth) || !has(self.credentialRef)",
        _one_credential,
    ),
    rule(
        "Backend", "pool-of-sessions", "sessionPool",
        "only ClaudeAgent backends have sessions to pool: remove sessionPool",
        "self.type == 'ClaudeAgent' || !has(self.sessionPool)",
        _pool_of_sessions,
    ),
    rule(
        "Timeouts", "some-time", "",
        "every timeout must be longer than 0s",
        " && ".join(
            f"(!has(self.{field}) || self.{field} > duration('0s'))" for field in ("connect", "read", "write", "pool")
        ),
        _some_time,
    ),
    rule(
        "CredentialReference", "key-of-a-secret", "key",
        "is required for kind Secret: name the key of the Secret's data that holds the credential",
        "(has(self.kind) && self.kind != 'Secret') || has(self.key)",
        _key_of_a_secret,
    ),
)  # fmt: skip
