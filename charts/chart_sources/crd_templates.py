"""CRDs as templates: Helm upgrades what stands in `templates/`, and never what stands in `crds/`."""

from __future__ import annotations

from typing import Final

_BEGIN: Final = "metadata:\n  name: "
_METADATA: Final = """\
  labels:
    {{- include "operator.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


def crd_template(definition: str) -> str:
    """The text of a CRD, behind `crds.enabled`, with the release's labels and the keep policy.

    Raises ValueError when the text does not look like one of the project's CRDs.
    """
    before, found, after = _escaped(definition).partition(_BEGIN)
    name, newline, rest = after.partition("\n")
    if not found or not newline:
        raise ValueError("no metadata.name at the place where generated CRDs have it")
    return f"{{{{- if .Values.crds.enabled }}}}\n{before}{_BEGIN}{name}\n{_METADATA}{rest}{{{{- end }}}}\n"


def _escaped(text: str) -> str:
    """Descriptions may hold braces that are none of Helm's business."""
    return text.replace("{{", '{{ "{{" }}')
