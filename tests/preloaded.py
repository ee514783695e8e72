"""Small libraries in C that are preloaded into a real process, to do to it what a kernel or a disk would do."""

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled(source: Path, folder: Path) -> Path:
    """The library of *source*, in *folder*; skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(f"no C compiler, which {source.name} needs")
    library = folder / f"{source.stem}.so"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
    subprocess.run([compiler, *flags, "-o", library, source, "-ldl"], check=True)
    return library
