"""Some packages of a lock with all that they need, still pinned by hash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def part_of_lock(lock: str, packages: Iterable[str]) -> str:
    """`lock` is the text of a pip-compile file. What needs what is read from the installed packages, which are the
    lock's own. Raises KeyError for a package that is not in it."""
    pins = dict(_pins(lock))
    return "".join(pins[name] for name in sorted(_with_needed(packages)))


def _pins(lock: str) -> Iterator[tuple[str, str]]:
    """Name and entry (`name==version` with its hashes); comments go."""
    for entry in re.findall(r"^[a-zA-Z0-9].*?(?=^[a-zA-Z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL):
        lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
        yield canonicalize_name(entry.partition("==")[0]), "\n".join(lines) + "\n"


def _with_needed(packages: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = {canonicalize_name(each) for each in packages}
    while waiting:
        package = waiting.pop()
        found.add(package)
        waiting |= {name for name in _needs(package) if name not in found}
    return found


def _needs(package: str) -> Iterator[str]:
    for text in requires(package) or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield canonicalize_name(needed.name)
