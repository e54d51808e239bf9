"""Writes what is generated from the API types, or says what is stale: `python -m llmgateway_api.generate [--check]`.

Works in a checkout only: the CRDs stand beside the package, the reference in docs/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from llmgateway_api.api_reference import api_reference
from llmgateway_api.custom_resource_definitions import credential_definition, gateway_definition

ROOT: Final = Path(__file__).parents[2]
HEADER: Final = "# Generated from crds/llmgateway_api by `make generate`; edits are lost.\n"


class _Dumper(yaml.SafeDumper):
    """No anchors: equal parts of a schema are written out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def generated_files() -> dict[str, str]:
    """Every generated file with its text, by path beneath the checkout."""
    return {
        "crds/llmgateway.dev_llmgateways.yaml": _yaml(gateway_definition()),
        "crds/llmgateway.dev_llmcredentials.yaml": _yaml(credential_definition()),
        "docs/api-reference.md": api_reference(),
    }


def stale_files(root: Path = ROOT) -> list[str]:
    """Paths of generated files that are missing or differ from what the types say."""
    return [
        path
        for path, text in generated_files().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def _yaml(document: dict[str, Any]) -> str:
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when `--check` finds stale files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    if parser.parse_args(arguments).check:
        stale = stale_files()
        sys.stderr.writelines(f"{path} is stale: run `make generate`\n" for path in stale)
        return 1 if stale else 0
    for path, text in generated_files().items():
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
