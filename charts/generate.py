"""Writes what is derived in charts and admin documents, or says what is stale: `charts/generate.py [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chart_sources.crd_templates import crd_template
from chart_sources.dashboard import dashboard_text
from chart_sources.health_customizations import health_customizations
from chart_sources.marked_text import with_part
from chart_sources.permissions import lease_rules_text, rules_text
from chart_sources.reasons_table import reasons_table
from chart_sources.resource_schema import resource_schema_text
from chart_sources.values_table import values_table

ROOT: Final = Path(__file__).parents[1]
OPERATOR: Final = "charts/llmgateway-operator"
RESOURCES: Final = "charts/llmgateway"


def generated_files() -> dict[str, str]:
    """Every file that is generated, wholly or in part, with its text, by path beneath the checkout."""
    return {
        f"{OPERATOR}/files/rules.yaml": rules_text(),
        f"{OPERATOR}/files/lease-rules.yaml": lease_rules_text(),
        f"{OPERATOR}/files/dashboard.json": dashboard_text(),
        f"{OPERATOR}/templates/crds/llmgateways.yaml": _crd("llmgateways"),
        f"{OPERATOR}/templates/crds/llmcredentials.yaml": _crd("llmcredentials"),
        f"{OPERATOR}/README.md": _readme(OPERATOR),
        f"{RESOURCES}/values.schema.json": resource_schema_text(),
        f"{RESOURCES}/README.md": _readme(RESOURCES),
        "docs/troubleshooting.md": with_part(_read("docs/troubleshooting.md"), "reasons", reasons_table()),
        "gitops/argocd/health-of-resources.yaml": health_customizations(_read("gitops/argocd/health.lua")),
    }


def stale_files() -> list[str]:
    """Paths of files that are missing or differ."""
    return [
        path
        for path, text in generated_files().items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]


def _crd(plural: str) -> str:
    return crd_template(_read(f"crds/llmgateway.dev_{plural}.yaml"))


def _readme(chart: str) -> str:
    return with_part(_read(f"{chart}/README.md"), "values", values_table(_read(f"{chart}/values.yaml")))


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when `--check` finds stale files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    if parser.parse_args(arguments).check:
        stale = stale_files()
        sys.stderr.writelines(f"{path} is stale: run `make generate`\n" for path in stale)
        return 1 if stale else 0
    for path, text in generated_files().items():
        if not (ROOT / path).exists() or _read(path) != text:
            (ROOT / path).write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
