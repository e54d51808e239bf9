"""The layers of an image that hold Python packages: the pinned requirements, and above them the project itself.

Both lie under /opt/llmgateway: `lib` is on the module path, `bin` on the path of programs.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from support.cache_folder import cache_folder
from support.cluster import oci_archive
from support.cluster.command import run

PROJECT = Path(__file__).parents[3]
PREFIX = "opt/llmgateway"
ENVIRONMENT = {
    "PATH": f"/{PREFIX}/bin:{oci_archive.PATH}",
    "PYTHONPATH": f"/{PREFIX}/lib",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def requirements_layer(name: str, lock: str, root: Path) -> Path:
    """What `lock` (the text of a requirements file) pins, as wheels for the Python in `root`; cached by that text."""
    pinned = hashlib.sha256(lock.encode() + root.name.encode()).hexdigest()[:12]
    layer = cache_folder("cluster", "layers") / f"{name}-{pinned}.tar.gz"
    if not layer.exists():
        with tempfile.TemporaryDirectory() as scratch:
            library, file = Path(scratch, "layer", "lib"), Path(scratch, "lock.txt")
            file.write_text(lock)
            _install(file, library, _python_version(root))
            _pack(library.parent, root, layer)
    return layer


def project_layer(command: str, module: str, root: Path, folder: Path) -> Path:
    """The project's wheel and the program `command`, which calls `module:main`; written to `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        wheel = folder / "wheel"
        build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
        run(*build, "--wheel-dir", wheel, PROJECT)
        with zipfile.ZipFile(next(wheel.glob("*.whl"))) as packed:
            packed.extractall(Path(scratch, "lib"))
        program = Path(scratch, "bin", command)
        program.parent.mkdir()
        program.write_text(f"#!/usr/bin/python3\nfrom {module} import main\n\nraise SystemExit(main())\n")
        program.chmod(0o755)
        return _pack(Path(scratch), root, folder / f"{command}.tar.gz")


def _install(lock: Path, library: Path, python: str) -> None:
    """By the pip of this process, for another Python: nothing of the machine gets in, nothing is compiled."""
    machine = platform.machine()
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(5, 42)]
    platforms.append(f"--platform=manylinux2014_{machine}")
    chosen = ("--implementation=cp", f"--python-version={python}", "--only-binary=:all:", *platforms)
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps")
    run(*install, "--require-hashes", "--target", library, *chosen, "--requirement", lock)
    shutil.rmtree(library / "bin", ignore_errors=True)  # they name this process's Python


def _pack(layer: Path, root: Path, archive: Path) -> Path:
    layer.chmod(0o755)
    _compile(layer, root)
    return oci_archive.pack_layer(layer, archive, PREFIX)


def _compile(layer: Path, root: Path) -> None:
    """Bytecode by the image's own Python: containers with a read-only root could not keep it. Its validity does
    not hang on file dates, which layers set anew."""
    place = root / PREFIX
    place.mkdir(parents=True, exist_ok=True)
    script = 'mount --bind "$1" "$2/$3" && exec chroot "$2" python3 -m compileall -q -j0 ' + (
        '--invalidation-mode unchecked-hash "/$3/lib"'
    )
    run("unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", layer, root, PREFIX)


def _python_version(root: Path) -> str:
    """Such as 3.13."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    return run("chroot", root, "python3", "-c", program).strip()
