"""The GitOps tools' own way to judge a resource: Argo CD runs Lua, Flux evaluates CEL."""

from __future__ import annotations

from typing import Any

import celpy
import lupa
import yaml

from charts.helm_program import ROOT

GITOPS = ROOT / "gitops"
Document = dict[str, Any]


def argo_health(document: Document) -> tuple[str, str]:
    """Status and message by health.lua, with the libraries that Argo CD gives a script: the base ones."""
    runtime = lupa.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    for library in ("os", "io", "package", "debug", "require"):
        runtime.globals()[library] = None
    runtime.globals()["obj"] = _lua(runtime, document)
    health = runtime.execute((GITOPS / "argocd" / "health.lua").read_text())
    return health["status"], health["message"]


def _lua(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({key: _lua(runtime, each) for key, each in value.items()})
    return runtime.table_from([_lua(runtime, each) for each in value]) if isinstance(value, list) else value


def flux_health(document: Document) -> str:
    """By healthCheckExprs: the first of inProgress, failed, current that is true. An error counts as in progress.

    https://fluxcd.io/flux/components/kustomize/kustomizations/#health-check-expressions
    """
    (checks,) = [each for each in health_expressions() if each["kind"] == document["kind"]]
    activation = {name: celpy.json_to_cel(value) for name, value in document.items()}
    for name, verdict in (("inProgress", "InProgress"), ("failed", "Failed"), ("current", "Current")):
        try:
            if _evaluated(checks[name], activation):
                return verdict
        except celpy.CELEvalError:
            return "InProgress"
    return "InProgress"


def health_expressions() -> list[Document]:
    documents = yaml.safe_load_all((GITOPS / "flux" / "cluster.yaml").read_text())
    (gateways,) = [each for each in documents if each["metadata"]["name"] == "gateways"]
    found: list[Document] = gateways["spec"]["healthCheckExprs"]
    return found


def _evaluated(expression: str, activation: Document) -> bool:
    environment = celpy.Environment()
    return bool(environment.program(environment.compile(expression)).evaluate(activation))
