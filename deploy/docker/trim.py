"""Remove what the server never reads from an installed environment: `python trim.py ENVIRONMENT`.

Tests, headers, sources of compiled modules, build tools, parts of packages that are not used, such as the protocols of
Arrow and the fonts of Pillow, and symbols of shared libraries.  `smoke.py` then tells whether something is missing.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

_BUILD_TOOLS = ["editables", "hatchling", "pathspec", "pip", "pluggy", "tomlkit", "trove-classifiers"]
_UVICORN_EXTRAS = ["pyyaml", "watchfiles", "websockets"]  # of options that the server does not set
_SOURCES = {".pyx", ".pxi", ".pxd", ".pyi", ".h", ".hpp", ".c", ".cc", ".cpp"}
_FOLDERS = [
    "include",
    "lib64",
    "numpy/f2py",
    "pandas/tests",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/tests",
    "shapely/tests",
]
# Arrow finds file systems when they are first used; its RPC (flight) and these formats are not imported by the server.
_FILES = [
    "pyarrow/libarrow_flight.so*",
    "pyarrow/libarrow_python_flight.so*",
    "pyarrow/libarrow_s3.so*",
    "pyarrow/_flight.*.so",
    "pyarrow/_s3fs.*.so",
    "pyarrow/_substrait.*.so",
    "pyarrow/_orc.*.so",
    "pyarrow/_pyarrow_cpp_tests.*.so",
    "PIL/_avif.*.so",
    "PIL/_imagingft.*.so",
    "numpy/_core/_multiarray_tests.*.so",
    "numpy/_core/_simd.*.so",
]
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")


def main(environment: Path) -> None:
    """Trim an environment and print how much it takes before and after."""
    packages = next((environment / "lib").glob("python3*/site-packages"))
    before = _measure_mb(environment)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *_UVICORN_EXTRAS, *_BUILD_TOOLS], check=True)
    for folder in [*(packages / name for name in _FOLDERS), *packages.glob("numpy/**/tests")]:
        shutil.rmtree(folder, ignore_errors=True)
    for pattern in _FILES:
        for file in packages.glob(pattern):
            file.unlink()
    for file in packages.rglob("*"):
        if file.suffix in _SOURCES and file.is_file():
            file.unlink()
    _remove_copies(packages / "pyarrow")
    _remove_unneeded_libraries(packages)
    _strip(packages)
    print(f"{environment}: {before} MB before, {_measure_mb(environment)} MB after")


def _remove_copies(folder: Path) -> None:
    """Keep the one name of each library of Arrow that the others link: wheels have copies instead of symbolic links."""
    for library in folder.glob("libarrow_python.so*"):
        if library.name.count(".") != 2:  # linked is libarrow_python.so.2600
            library.unlink()


def _remove_unneeded_libraries(packages: Path) -> None:
    """Remove the libraries in `*.libs` that no module needs, directly or by other libraries."""
    libraries = {library.name: library for library in packages.glob("*.libs/*.so*")}
    unread = [file for file in packages.rglob("*.so*") if file.name not in libraries]
    while unread:
        header = subprocess.run(["readelf", "--dynamic", "--wide", *unread], capture_output=True, text=True, check=True)
        unread = [libraries.pop(name) for name in set(_NEEDED.findall(header.stdout)) if name in libraries]
    for library in libraries.values():
        library.unlink()


def _strip(packages: Path) -> None:
    """Remove symbols that loading does not need; libraries in `*.libs` were patched, and stripping breaks them."""
    for library in packages.rglob("*.so*"):
        if library.is_file() and not any(part.endswith(".libs") for part in library.parts):
            subprocess.run(["strip", "--strip-unneeded", library], check=True)


def _measure_mb(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) // 1_000_000


if __name__ == "__main__":
    main(Path(sys.argv[1]))
