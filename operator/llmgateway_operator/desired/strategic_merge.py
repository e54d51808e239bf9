"""Strategic merge of a pod template over another, as `kubectl patch` does it.

Merge keys are those of the Kubernetes API's `patchMergeKey` tags for PodTemplateSpec; lists without one are replaced.
`null` removes a field; `$patch: delete` removes a list entry, `$patch: replace` replaces an object or a list.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

MERGE_KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
DIRECTIVE: Final = "$patch"


def merge(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A new object; neither argument is changed."""
    if patch.get(DIRECTIVE) == "replace":
        return _without_directive(patch)
    merged = {key: copy.deepcopy(value) for key, value in base.items()}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif key != DIRECTIVE:
            merged[key] = _value(key, merged.get(key), value)
    return merged


def _value(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, Mapping):
        return merge(old if isinstance(old, Mapping) else {}, new)
    if isinstance(new, list) and (merge_key := MERGE_KEYS.get(key)) and all(isinstance(each, Mapping) for each in new):
        return _entries(merge_key, old if isinstance(old, list) else [], new)
    return copy.deepcopy(new)


def _entries(merge_key: str, old: Sequence[Any], new: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What both have stays where it was; new entries follow."""
    patches = {each.get(merge_key): each for each in new if merge_key in each}
    replaces = any(each.get(DIRECTIVE) == "replace" for each in new)
    known = {} if replaces else {each.get(merge_key): each for each in old}
    kept = [_entry(each, patches.get(key)) for key, each in known.items()]
    added = [_without_directive(each) for key, each in patches.items() if key not in known]
    return [each for each in [*kept, *added] if each is not None]


def _entry(old: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if patch is None:
        return dict(copy.deepcopy(old))
    return None if patch.get(DIRECTIVE) == "delete" else merge(old, patch)


def _without_directive(value: Mapping[str, Any]) -> dict[str, Any]:
    return merge({}, {key: each for key, each in value.items() if key != DIRECTIVE})
