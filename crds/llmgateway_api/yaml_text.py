"""YAML as Kubernetes reads it: dates stay text, a key that stands twice is an error, errors quote nothing."""

from __future__ import annotations

from typing import Any, Final

import yaml


class YamlError(ValueError):
    """The text is not YAML; the message names the line and quotes nothing, for the line may hold a secret."""


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps; a repeated key is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys and key_node.tag != "tag:yaml.org,2002:merge":
                raise YamlError(f"line {key_node.start_mark.line + 1}: a key stands twice in the same object")
            keys.append(key)
        return super().construct_mapping(node, deep=deep)


_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> list[Any]:
    """All documents of the text. Raises YamlError."""
    try:
        return list(yaml.load_all(text, Loader=_Loader))  # derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlError(f"{place}is not valid YAML") from None
    except YamlError:
        raise
    except (
        yaml.YAMLError,
        RecursionError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
    ):  # !!int, !!bool and others
        raise YamlError("is not valid YAML") from None
