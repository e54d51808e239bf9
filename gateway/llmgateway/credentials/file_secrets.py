"""The port of the refresh program on a folder, for the stand-alone gateway. Files 0600, folders 0700.

<folder>/<secret>.json      data and record of one Secret, replaced as a whole
<folder>/<name>.lock        held by flock: the kernel drops it when its holder dies, however it dies
<folder>/<secret>/<key>     what readers get (never a refresh token), laid out as a mounted Secret
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from llmgateway.credentials.secret_port import Busy, Conflict, Missing, StoredSecret, StoreError, Unreachable
from llmgateway.credentials.token_formats import REFRESH_TOKEN
from llmgateway.wire import json_codec

LOCK_WAIT: Final = 30.0  # seconds
LOCK_POLL: Final = 0.2  # seconds

Source = Callable[[str], Mapping[str, bytes] | None]
"""The data of a Secret that is only read; None when there is no such Secret."""


class FileSecrets:
    """One credential's files. `own` are the Secrets kept here; all others come from `source`. Raises OSError where the
    folder can't be made."""

    def __init__(self, folder: Path, name: str, own: tuple[str, ...], source: Source) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock_file = folder / f"{name}.lock"
        self._own = own
        self._source = source
        self._lock: int | None = None

    def now(self) -> float:
        return time.time()

    def acquire(self) -> None:
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_WAIT
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Busy("another process refreshes this credential")
            time.sleep(LOCK_POLL)
        self._lock = descriptor

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self, name: str) -> StoredSecret:
        if name not in self._own:
            data = self._source(name)
            if data is None:
                raise Missing(f"there is no Secret {name}")
            return StoredSecret(name, data)
        text = self._text(name)
        if not text:
            return StoredSecret(name, {})
        try:
            document = json_codec.decode(text)
            data = {str(key): str(value).encode() for key, value in document["data"].items()}
            return StoredSecret(name, data, str(document["record"]), _version(text))
        except (json_codec.InvalidJSON, TypeError, KeyError, AttributeError):
            raise StoreError(f"the file of Secret {name} is damaged") from None

    def write(self, secret: StoredSecret) -> StoredSecret:
        if _version(self._text(secret.name)) != secret.version:
            raise Conflict(f"the file of Secret {secret.name} was changed by somebody else")
        data = {key: value.decode("utf-8", "replace") for key, value in secret.data.items()}
        text = json_codec.encode({"data": data, "record": secret.record})
        try:
            replace_file(self._folder / f"{secret.name}.json", text)
        except OSError as error:
            raise Unreachable(f"write the file of Secret {secret.name}: {type(error).__name__}") from None
        return StoredSecret(secret.name, secret.data, secret.record, _version(text))

    def publish(self, name: str) -> Mapping[str, bytes]:
        """Writes what readers may have of a Secret to `<folder>/<secret>/<key>`, and returns it."""
        shown = {key: value for key, value in self.read(name).data.items() if key != REFRESH_TOKEN}
        folder = self._folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        for key, value in shown.items():
            if not (file := folder / key).exists() or file.read_bytes() != value:
                replace_file(file, value)
        return shown

    def _text(self, name: str) -> bytes:
        try:
            return (self._folder / f"{name}.json").read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Unreachable(f"read the file of Secret {name}: {type(error).__name__}") from None


def replace_file(path: Path, content: bytes) -> None:
    """The whole file at once, 0600, on the disk before the old one goes. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:  # mkstemp makes it 0600
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _version(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest() if text else ""


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
