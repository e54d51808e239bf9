"""What a credential's type needs, and what it excludes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmgateway_api.addresses import HTTPS_OR_INSIDE, SAFE_FOR_SECRETS, matches
from llmgateway_api.rule import Rule, rule

if TYPE_CHECKING:
    from llmgateway_api.credential import CredentialSource, CredentialSpec, LLMCredential, OAuth, Refresh, TokenExchange


def _cron_field(value: str) -> str:
    item = rf"(\*|{value}(-{value})?)(/[0-9]{{1,2}})?"
    return rf"{item}(,{item})*"


CRON: Final = (
    "^"
    + " +".join(
        _cron_field(value)
        for value in (
            "[0-5]?[0-9]",
            "([01]?[0-9]|2[0-3])",
            "(0?[1-9]|[12][0-9]|3[01])",
            "(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
            "([0-7]|sun|mon|tue|wed|thu|fri|sat)",
        )
    )
    + "$"
)
"""Five fields: minute, hour, day of the month, month, day of the week."""

HEADER_NAME: Final = r"^[-_.A-Za-z0-9]{1,128}$"
HEADER_VALUE: Final = r"^[ -~]*$"
CREDENTIAL_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LONGEST_NAME: Final = 44


def _short_name(credential: LLMCredential) -> bool:
    return matches(CREDENTIAL_NAME, credential.metadata.name) and len(credential.metadata.name) <= LONGEST_NAME


def _generated_target_is_no_source(credential: LLMCredential) -> bool:
    return credential.spec.source_ref is None or credential.spec.source_ref.name != credential.target_secret_name


def _target_is_no_source(spec: CredentialSpec) -> bool:
    return spec.source_ref is None or spec.source_ref.name != spec.target.secret_name


def _source_of_a_login(spec: CredentialSpec) -> bool:
    return spec.type != "RefreshToken" or spec.source_ref is not None


def _source_of_a_key(spec: CredentialSpec) -> bool:
    return spec.type != "Static" or spec.source_ref is not None


def _no_source(spec: CredentialSpec) -> bool:
    return spec.type not in ("ClientCredentials", "TokenExchange") or spec.source_ref is None


def _token_endpoint(spec: CredentialSpec) -> bool:
    return spec.type == "Static" or spec.oauth is not None


def _no_token_endpoint(spec: CredentialSpec) -> bool:
    return spec.type != "Static" or spec.oauth is None


def _client_with_secret(spec: CredentialSpec) -> bool:
    if spec.type != "ClientCredentials" or spec.oauth is None:
        return True
    return spec.oauth.client_id is not None and spec.oauth.client_secret_ref is not None


def _exchange_of_identities(spec: CredentialSpec) -> bool:
    return spec.type == "TokenExchange" or spec.exchange is None


def _static_stays(spec: CredentialSpec) -> bool:
    return spec.type != "Static" or not spec.refresh.enabled


def _key_of_the_login(spec: CredentialSpec) -> bool:
    keys = spec.source_ref.keys if spec.source_ref else None
    return spec.type != "RefreshToken" or keys is None or keys.refresh_token is not None


def _key_of_the_key(spec: CredentialSpec) -> bool:
    keys = spec.source_ref.keys if spec.source_ref else None
    return spec.type != "Static" or keys is None or keys.access_token is not None


def _keys_by_format(source: CredentialSource) -> bool:
    return (source.format == "Keys") == (source.keys is not None)


def _basic_needs_a_secret(oauth: OAuth) -> bool:
    return oauth.auth_style != "Basic" or (oauth.client_id is not None and oauth.client_secret_ref is not None)


def _plain_headers(oauth: OAuth) -> bool:
    return all(matches(HEADER_NAME, name) and matches(HEADER_VALUE, value) for name, value in oauth.headers.items())


def _safe_token_url(oauth: OAuth) -> bool:
    return matches(SAFE_FOR_SECRETS, oauth.token_url)


def _long_enough(exchange: TokenExchange) -> bool:
    return exchange.expiration >= 600


def _cron(refresh: Refresh) -> bool:
    return matches(CRON, refresh.schedule)


CREDENTIAL_RULES: Final[tuple[Rule, ...]] = (
    rule(
        "LLMCredential", "short-name", "",
        "metadata.name must hold at most 44 lower-case letters, digits and '-': a CronJob is named after it",
        f"self.metadata.name.matches(r'{CREDENTIAL_NAME}') && self.metadata.name.size() <= {LONGEST_NAME}",
        _short_name,
    ),
    rule(
        "LLMCredential", "generated-target-is-no-source", "spec.sourceRef",
        "names the generated Secret <credential>-token: rename the source or give target.secretName",
        "!has(self.spec.sourceRef) || (has(self.spec.target) && has(self.spec.target.secretName)) || "
        "self.spec.sourceRef.name != self.metadata.name + '-token'",
        lambda credential: credential.spec.target.secret_name is not None
        or _generated_target_is_no_source(credential),
    ),
    rule(
        "CredentialSpec", "target-is-no-source", "target",
        "target.secretName must differ from sourceRef.name: the source is only read, the target only written",
        "!has(self.sourceRef) || !has(self.target) || !has(self.target.secretName) || "
        "self.target.secretName != self.sourceRef.name",
        _target_is_no_source,
    ),
    rule(
        "CredentialSpec", "source-of-a-login", "sourceRef",
        "is required for type RefreshToken: name the Secret that holds the first refresh token",
        "self.type != 'RefreshToken' || has(self.sourceRef)",
        _source_of_a_login,
    ),
    rule(
        "CredentialSpec", "source-of-a-key", "sourceRef",
        "is required for type Static: name the Secret that holds the key",
        "self.type != 'Static' || has(self.sourceRef)",
        _source_of_a_key,
    ),
    rule(
        "CredentialSpec", "no-source", "sourceRef",
        "ClientCredentials and TokenExchange begin without a token: remove sourceRef",
        "!(self.type in ['ClientCredentials', 'TokenExchange']) || !has(self.sourceRef)",
        _no_source,
    ),
    rule(
        "CredentialSpec", "token-endpoint", "oauth",
        "is required for every type but Static: give oauth.tokenURL",
        "self.type == 'Static' || has(self.oauth)",
        _token_endpoint,
    ),
    rule(
        "CredentialSpec", "no-token-endpoint", "oauth",
        "a Static credential is rotated by changing its Secret: remove oauth or choose another type",
        "self.type != 'Static' || !has(self.oauth)",
        _no_token_endpoint,
    ),
    rule(
        "CredentialSpec", "client-with-secret", "oauth",
        "type ClientCredentials needs oauth.clientID and oauth.clientSecretRef",
        "self.type != 'ClientCredentials' || !has(self.oauth) || "
        "(has(self.oauth.clientID) && has(self.oauth.clientSecretRef))",
        _client_with_secret,
    ),
    rule(
        "CredentialSpec", "exchange-of-identities", "exchange",
        "is only for type TokenExchange: remove it or choose that type",
        "self.type == 'TokenExchange' || !has(self.exchange)",
        _exchange_of_identities,
    ),
    rule(
        "CredentialSpec", "static-stays", "refresh",
        "a Static credential has nothing to refresh: set refresh.enabled to false",
        "self.type != 'Static' || !has(self.refresh) || !has(self.refresh.enabled) || !self.refresh.enabled",
        _static_stays,
    ),
    rule(
        "CredentialSpec", "key-of-the-login", "sourceRef",
        "type RefreshToken needs sourceRef.keys.refreshToken: name the key that holds the refresh token",
        "self.type != 'RefreshToken' || !has(self.sourceRef) || !has(self.sourceRef.keys) || "
        "has(self.sourceRef.keys.refreshToken)",
        _key_of_the_login,
    ),
    rule(
        "CredentialSpec", "key-of-the-key", "sourceRef",
        "type Static needs sourceRef.keys.accessToken: name the key that holds the API key",
        "self.type != 'Static' || !has(self.sourceRef) || !has(self.sourceRef.keys) || "
        "has(self.sourceRef.keys.accessToken)",
        _key_of_the_key,
    ),
    rule(
        "CredentialSource", "keys-by-format", "keys",
        "is required for format Keys (the default) and has no meaning for ClaudeCredentialsJSON",
        "(!has(self.format) || self.format == 'Keys') == has(self.keys)",
        _keys_by_format,
    ),
    rule(
        "OAuth", "safe-token-url", "tokenURL", HTTPS_OR_INSIDE,
        f"self.tokenURL.matches(r'{SAFE_FOR_SECRETS}')",
        _safe_token_url,
    ),
    rule(
        "OAuth", "basic-needs-a-secret", "authStyle",
        "Basic needs clientID and clientSecretRef",
        "!has(self.authStyle) || self.authStyle != 'Basic' || (has(self.clientID) && has(self.clientSecretRef))",
        _basic_needs_a_secret,
    ),
    rule(
        "OAuth", "plain-headers", "headers",
        "must be HTTP header names such as anthropic-beta, with values of one line",
        f"!has(self.headers) || self.headers.all(k, k.matches(r'{HEADER_NAME}') && "
        f"self.headers[k].matches(r'{HEADER_VALUE}'))",
        _plain_headers,
    ),
    rule(
        "TokenExchange", "long-enough", "expiration",
        "must be at least 10m: Kubernetes gives no shorter service-account tokens",
        "!has(self.expiration) || self.expiration >= duration('10m')",
        _long_enough,
    ),
    rule(
        "Refresh", "cron", "schedule",
        "must be five cron fields such as 0 */4 * * *: minute, hour, day of the month, month, day of the week",
        f"!has(self.schedule) || self.schedule.matches(r'{CRON}')",
        _cron,
    ),
)  # fmt: skip
