"""Secrets as the gateway sees them: files `<folder>/<secret>/<key>`, as mounted in a pod, and Secrets of its own file.

Reading is a dictionary look-up; `reload` looks at the files again. A mounted Secret is swapped by a symbolic link, so
modification times of the files themselves say nothing: the contents are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SecretData = Mapping[str, bytes]

MAX_SECRET_BYTES = 1024 * 1024  # the API server's own limit for one Secret


class SecretStore:
    """Current secret values by Secret name and key; values are never formatted."""

    def __init__(self, folder: Path | None = None, inline: Mapping[str, SecretData] | None = None) -> None:
        self._folder = folder
        self._inline = dict(inline or {})
        self._generated: Mapping[str, SecretData] = {}
        self._values: dict[str, dict[str, bytes]] = {}
        self.revision = 0
        self.reload()

    def __repr__(self) -> str:
        return f"SecretStore({sorted(self._values)})"

    def replace_inline(self, inline: Mapping[str, SecretData]) -> None:
        """Takes the Secret documents of a changed configuration file."""
        self._inline = dict(inline)
        self.reload()

    def replace_generated(self, generated: Mapping[str, SecretData]) -> None:
        """Takes the Secrets that a stand-alone gateway's own refreshing made; files and documents count before them."""
        self._generated = dict(generated)
        self.reload()

    def reload(self) -> bool:
        """Reads everything again; True when any value changed."""
        values = {name: dict(data) for name, data in self._generated.items()}
        for name, data in (*self._inline.items(), *self._mounted().items()):
            values.setdefault(name, {}).update(data)
        changed = values != self._values
        self._values = values
        self.revision += changed
        return changed

    def value(self, secret: str, key: str) -> str | None:
        """One value without surrounding white space (files often end in a line feed), or None."""
        data = self._values.get(secret, {}).get(key)
        return None if data is None else data.decode("utf-8", "replace").strip()

    def all_of(self, secret: str) -> dict[str, str] | None:
        """Every key of a Secret, or None when there is no such Secret."""
        if secret not in self._values:
            return None
        return {key: data.decode("utf-8", "replace").strip() for key, data in self._values[secret].items()}

    def _mounted(self) -> dict[str, dict[str, bytes]]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        found = {entry.name: _keys_of(entry) for entry in self._folder.iterdir() if entry.is_dir()}
        return {name: data for name, data in found.items() if data and not name.startswith("..")}


def _keys_of(folder: Path) -> dict[str, bytes]:
    """The keys of one mounted Secret; names that begin with two dots are the kubelet's own."""
    keys: dict[str, bytes] = {}
    for file in folder.iterdir():
        if file.name.startswith("..") or not file.is_file():
            continue
        try:
            with file.open("rb") as opened:
                keys[file.name] = opened.read(MAX_SECRET_BYTES)
        except FileNotFoundError:
            continue  # swapped while we looked; the next reload sees the new one
    return keys
