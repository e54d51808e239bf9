"""What the parts of a gateway may say together: names that refer to each other, choices that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from llmgateway_api.addresses import HTTPS_OR_INSIDE, SAFE_FOR_SECRETS, STORE_URL, is_cidr, matches
from llmgateway_api.rule import Rule, rule, unique_names, unique_values

if TYPE_CHECKING:
    from llmgateway_api.access import Auth, Jwt
    from llmgateway_api.exposure import Expose
    from llmgateway_api.gateway import LLMGateway, LLMGatewaySpec
    from llmgateway_api.store import ExternalStore, Store
    from llmgateway_api.workload import Autoscale, NetworkPolicy

SERVICE_NAME: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
LONGEST_GATEWAY_NAME: Final = 45
LONGEST_CREDENTIAL_NAME: Final = 44


def _short_name(gateway: LLMGateway) -> bool:
    return matches(SERVICE_NAME, gateway.metadata.name) and len(gateway.metadata.name) <= LONGEST_GATEWAY_NAME


def _short_credential_names(gateway: LLMGateway) -> Iterable[str]:
    room = LONGEST_CREDENTIAL_NAME - 1 - len(gateway.metadata.name)
    for index, backend in enumerate(gateway.spec.backends):
        if backend.oauth is not None and len(backend.name) > room:
            yield f"spec.backends[{index}].name"


def _known_backends(spec: LLMGatewaySpec) -> Iterable[str]:
    known = {backend.name for backend in spec.backends}
    for number, model in enumerate(spec.models):
        for index, reference in enumerate(model.backend_refs):
            if reference.name not in known:
                yield f"models[{number}].backendRefs[{index}].name"


def _known_default(spec: LLMGatewaySpec) -> bool:
    return not spec.models or spec.default_model in (None, *(model.name for model in spec.models))


def _aliases_once(spec: LLMGatewaySpec) -> Iterable[str]:
    seen: set[str] = set()
    for number, model in enumerate(spec.models):
        for index, alias in enumerate(model.aliases):
            if alias in seen:
                yield f"models[{number}].aliases[{index}]"
        seen.update(model.aliases)


def _aliases_beside_names(spec: LLMGatewaySpec) -> Iterable[str]:
    names = {model.name for model in spec.models}
    for number, model in enumerate(spec.models):
        for index, alias in enumerate(model.aliases):
            if alias in names:
                yield f"models[{number}].aliases[{index}]"


def _local_alone(spec: LLMGatewaySpec) -> bool:
    return spec.store.local is None or (spec.scaling.replicas <= 1 and spec.scaling.autoscale is None)


def _one_store(store: Store) -> bool:
    return sum(choice is not None for choice in (store.managed, store.external, store.local)) <= 1


def _plain_store_url(store: ExternalStore) -> bool:
    return matches(STORE_URL, store.url)


def _known_clients(auth: Auth) -> bool:
    return not auth.clients or not auth.open


def _safe_keys(jwt: Jwt) -> bool:
    return matches(SAFE_FOR_SECRETS, jwt.jwks_url)


def _named_ingress(expose: Expose) -> bool:
    return expose.ingress is None or bool(expose.hostnames)


def _ordered_scale(autoscale: Autoscale) -> bool:
    return autoscale.min <= autoscale.max


def _cidrs(policy: NetworkPolicy) -> Iterable[str]:
    return (f"egressCIDRs[{index}]" for index, text in enumerate(policy.egress_cidrs) if not is_cidr(text))


GATEWAY_RULES: Final[tuple[Rule, ...]] = (
    rule(
        "LLMGateway", "short-name", "",
        "metadata.name must begin with a letter and hold at most 45 lower-case letters, digits and '-': "
        "Services and pods are named after it",
        f"self.metadata.name.matches(r'{SERVICE_NAME}') && self.metadata.name.size() <= {LONGEST_GATEWAY_NAME}",
        _short_name,
    ),
    Rule(
        "LLMGateway", "short-credential-names", "spec.backends",
        "a backend with oauth makes the LLMCredential <gateway>-<backend>, whose name may have 44 characters: "
        "shorten metadata.name or the backend's name",
        "self.spec.backends.all(b, !has(b.oauth) || "
        f"self.metadata.name.size() + 1 + b.name.size() <= {LONGEST_CREDENTIAL_NAME})",
        _short_credential_names,
    ),
    unique_names("LLMGatewaySpec", "backends"),
    unique_names("LLMGatewaySpec", "models"),
    unique_names("ServedModel", "backendRefs"),
    unique_names("Auth", "clients"),
    unique_values("ServedModel", "aliases"),
    Rule(
        "LLMGatewaySpec", "known-backends", "models",
        "a backendRef names no backend of spec.backends: correct the name or add the backend",
        "!has(self.models) || self.models.all(m, m.backendRefs.all(r, self.backends.exists(b, b.name == r.name)))",
        _known_backends,
    ),
    rule(
        "LLMGatewaySpec", "known-default", "defaultModel",
        "names no model of spec.models: correct the name or add the model",
        "!has(self.defaultModel) || !has(self.models) || self.models.size() == 0 || "
        "self.models.exists(m, m.name == self.defaultModel)",
        _known_default,
    ),
    Rule(
        "LLMGatewaySpec", "aliases-once", "models",
        "two models have the same alias: leave it with one of them",
        "!has(self.models) || self.models.all(m, !has(m.aliases) || self.models.exists_one(n, n.name == m.name || "
        "(has(n.aliases) && sets.intersects(m.aliases, n.aliases))))",
        _aliases_once,
    ),
    Rule(
        "LLMGatewaySpec", "aliases-beside-names", "models",
        "an alias is also the name of a model: remove the alias or rename the model",
        "!has(self.models) || self.models.all(m, self.models.all(n, !has(n.aliases) || !(m.name in n.aliases)))",
        _aliases_beside_names,
    ),
    rule(
        "LLMGatewaySpec", "local-alone", "store",
        "store.local is a file of one pod: set scaling.replicas to 1 without autoscale, or use store.managed",
        "!has(self.store) || !has(self.store.local) || !has(self.scaling) || "
        "((!has(self.scaling.replicas) || self.scaling.replicas <= 1) && !has(self.scaling.autoscale))",
        _local_alone,
    ),
    rule(
        "Store", "one-store", "",
        "give at most one of managed, external and local",
        "(has(self.managed) ? 1 : 0) + (has(self.external) ? 1 : 0) + (has(self.local) ? 1 : 0) <= 1",
        _one_store,
    ),
    rule(
        "ExternalStore", "plain-store-url", "url",
        "must be redis://host:port/database or rediss://... without user name and password; "
        "put the password into a Secret and name it in credentialRef",
        f"self.url.matches(r'{STORE_URL}')",
        _plain_store_url,
    ),
    rule(
        "Auth", "known-clients", "clients",
        "limits need clients that the gateway can tell apart: give auth.apiKeys or auth.jwt as well",
        "!has(self.clients) || self.clients.size() == 0 || has(self.apiKeys) || has(self.jwt)",
        _known_clients,
    ),
    rule("Jwt", "safe-keys", "jwksURL", HTTPS_OR_INSIDE, f"self.jwksURL.matches(r'{SAFE_FOR_SECRETS}')", _safe_keys),
    rule(
        "Expose", "named-ingress", "hostnames",
        "an ingress needs at least one host name: without one it would take the traffic of all hosts",
        "!has(self.ingress) || (has(self.hostnames) && self.hostnames.size() > 0)",
        _named_ingress,
    ),
    rule(
        "Autoscale", "ordered-scale", "min",
        "must not be greater than max (left out: min is 2, max is 10)",
        "(has(self.min) ? self.min : 2) <= (has(self.max) ? self.max : 10)",
        _ordered_scale,
    ),
    Rule(
        "NetworkPolicy", "cidrs", "egressCIDRs",
        "must be address ranges such as 10.0.0.0/8 or 2001:db8::/32",
        "!has(self.egressCIDRs) || self.egressCIDRs.all(c, isCIDR(c))",
        _cidrs,
    ),
)  # fmt: skip
