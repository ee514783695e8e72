"""Build the Debian package of cpd for this architecture and this Python, with the standard library alone.

``/usr/bin/python3 systemd/debian/build.py OUT`` writes ``OUT/cpd_<version>+py<minor>_<arch>.deb`` and prints its
path. The same tree gives the same bytes: no file knows when, where or by whom it was built.

Debian has neither `ocpp` nor recent enough releases of the other libraries, so they come along in an environment
of their own under /opt/cpd. It is bound to one minor release of Python, and so is the package and its version.
"""

import compileall
import gzip
import hashlib
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NEXT_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor + 1}"

PLACES = {
    ".service": "usr/lib/systemd/system/{name}",
    ".path": "usr/lib/systemd/system/{name}",
    ".socket": "usr/lib/systemd/system/{name}",
    ".timer": "usr/lib/systemd/system/{name}",
    ".sysusers": "usr/lib/sysusers.d/{stem}.conf",
    ".tmpfiles": "usr/lib/tmpfiles.d/{stem}.conf",
    ".rules": "usr/lib/udev/rules.d/{name}",
    "journald.conf": "usr/lib/systemd/journald.conf.d/cpd.conf",
    "system.conf": "usr/lib/systemd/system.conf.d/cpd.conf",
}
"""Where each file of systemd/ goes, by its name or the end of it."""

COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/cpd",
    "zsh": "usr/share/zsh/vendor-completions/_cpd",
    "fish": "usr/share/fish/vendor_completions.d/cpd.fish",
}
"""Where each shell of Debian looks for the completion of a command."""

OF_THE_SYSTEM = ("systemd", "evdev", "spidev")
"""Modules that only the system's packages have: compiled against its libraries, and seen where they are installed."""

GUARD = ("hal", "serial", "gpiozero", "colorzero", "lgpio.py", "_lgpio*.so", "msgspec")
"""What the guard is made of, in site-packages."""

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
RUNNABLE = (Path("opt/cpd/bin/cpd"), *(Path("DEBIAN") / name for name in SCRIPTS))

NOT_SHIPPED = (
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/INSTALLER",
    "bin",
    "setuptools*",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
)
"""What pip leaves for its own use, and setuptools, which colorzero names and does not need."""


_BY_TIME = py_compile.PycInvalidationMode.TIMESTAMP
"""Also under SOURCE_DATE_EPOCH: a check by content would read every source at every start."""


def main() -> None:
    """Build into the directory that is named on the command line."""
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    version = f"{debian_version()}+py{PYTHON}"
    architecture = output("dpkg", "--print-architecture")
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="cpd-deb-") as scratch:
        stage = Path(scratch) / "stage"
        install_environment(stage / "opt/cpd")
        units = install_system_files(stage)
        install_documents(stage)
        install_manual(stage, Path(scratch) / "manual")
        install_completion(stage)
        write_guard_digest(stage)
        at = release_time()
        settle(stage, at)
        compile_modules(stage)
        write_control(stage, version, architecture, units)
        settle(stage, at)
        package = out / f"cpd_{version}_{architecture}.deb"
        built = Path(scratch) / package.name
        # What a Pi Zero unpacks fast; the number of threads would change the bytes.
        packing = ("--root-owner-group", "-Zzstd", "-z9", "--threads-max=1")
        run("dpkg-deb", *packing, "--build", stage, built, SOURCE_DATE_EPOCH=str(at))
        # Whoever looks for a package never finds half of one.
        shutil.copyfile(built, out / f".{package.name}")
        (out / f".{package.name}").replace(package)
    print(package)


def debian_version() -> str:
    """The version of cpd; what comes before a release sorts before it, as Debian has it."""
    source = (ROOT / "cpd/__init__.py").read_text(encoding="utf-8")
    [version] = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return re.sub(r"\.?(a|b|rc|dev)(?=\d)", r"~\1", version)


def release_time() -> int:
    """The date of every file, in seconds since 1970: SOURCE_DATE_EPOCH where it is set, else that of the release."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    source = (ROOT / "cpd/clock.py").read_text(encoding="utf-8")
    [(year, month, day)] = re.findall(
        r"^RELEASED = datetime\((\d+), (\d+), (\d+), tzinfo=UTC\)$", source, re.MULTILINE
    )
    return int(datetime(int(year), int(month), int(day), tzinfo=UTC).timestamp())


def install_environment(home: Path) -> None:
    """cpd and its libraries, without pip and without anything that knows where this was."""
    venv.create(home, symlinks=True)
    packages = site_packages(home)
    shutil.copytree(libraries(), packages, dirs_exist_ok=True)
    for name in ("cpd", "hal"):
        shutil.copytree(ROOT / name, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
    tidy(home)


def libraries() -> Path:
    """What pyproject.toml names, as pip installs it. It is kept under build/: the next build needs no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["devices"]]
    constraints = ROOT / "config/constraints.txt"
    told = [sys.version, platform.machine(), *needed, constraints.read_text(encoding="utf-8")]
    kept = ROOT / "build/libraries" / hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            venv.create(f"{scratch}/pip", with_pip=True)
            pip = (f"{scratch}/pip/bin/python", "-m", "pip", "-qq", "--disable-pip-version-check", "install")
            options = ("--no-compile", "--only-binary=:all:", "--constraint", constraints)
            run(*pip, *options, "--target", f"{scratch}/libraries", *needed)
            Path(f"{scratch}/libraries").replace(kept)
    return kept


def tidy(home: Path) -> None:
    """Leave the interpreter, `cpd` and the modules; the system's own modules are linked to."""
    for file in (home / "bin").iterdir():
        if not file.name.startswith("python"):
            file.unlink()
    command = home / "bin/cpd"
    # -I: neither PYTHONPATH nor the files of whoever calls it change what runs on a charger.
    command.write_text(
        "#!/opt/cpd/bin/python -I\nimport sys\n\nfrom cpd.cli.main import main\n\nsys.exit(main())\n",
        encoding="utf-8",
    )
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n", encoding="utf-8"
    )
    (home / "lib64").unlink(missing_ok=True)
    shutil.rmtree(home / "include", ignore_errors=True)
    packages = site_packages(home)
    for pattern in NOT_SHIPPED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    links = [*OF_THE_SYSTEM]
    if not (packages / "lgpio.py").exists():
        links += ["lgpio.py", f"_lgpio{sysconfig.get_config_var('EXT_SUFFIX')}"]
    for name in links:
        (packages / name).symlink_to(f"/usr/lib/python3/dist-packages/{name}")


def packaged_python(stage: Path) -> tuple[str, ...]:
    """How the code in the package is run, without leaving anything behind in it."""
    return (str(stage / "opt/cpd/bin/python"), "-I", "-B")


def site_packages(home: Path) -> Path:
    """Where the modules are in the environment at *home*."""
    return home / f"lib/python{PYTHON}/site-packages"


def install_system_files(stage: Path) -> list[str]:
    """The files of systemd/, each in its place; returns the units that are to be enabled, the guard first."""
    units = []
    for file in sorted((ROOT / "systemd").iterdir()):
        if file.is_dir():
            continue
        place = PLACES.get(file.name) or PLACES.get(file.suffix)
        if place is None:
            raise SystemExit(f"{file}: PLACES does not say where it goes")
        install(file, stage / place.format(name=file.name, stem=file.stem))
        if "\n[Install]" in file.read_text(encoding="utf-8") and "@." not in file.name:
            units.append(file.name)
    install_example(stage / "etc/cpd/cpd.toml")
    (stage / "usr/bin").mkdir()
    (stage / "usr/bin/cpd").symlink_to("/opt/cpd/bin/cpd")
    # What a charger that nobody has set up looks like.
    install_example(stage / "usr/share/cpd/cpd.toml")
    return sorted(units, key=lambda name: (name != "cpd-guard.service", name))


def install_example(target: Path) -> None:
    """The configuration as the installed services need it: the hardware is the guard's, whatever drives it."""
    text, edits = re.subn(
        r'^# process = "inside"  .*$',
        'process = "guard"               # the hardware is driven by cpd-guard, behind guard_socket',
        (ROOT / "config/cpd.toml").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    if edits != 1:
        raise SystemExit("config/cpd.toml does not say once where the hardware is driven")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def install_documents(stage: Path) -> None:
    """What a person reads, and whose work it is."""
    documents = stage / "usr/share/doc/cpd"
    for name in ("README.md", "config/safety.md", "config/wiring.svg"):
        install(ROOT / name, documents / Path(name).name)
    for board in sorted((ROOT / "config/boards").glob("*.toml")):
        install(board, documents / "boards" / board.name)
    for example in sorted((ROOT / "config/firmware").iterdir()):
        install(example, documents / "firmware" / example.name)
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    (documents / "changelog.gz").write_bytes(changes)
    lines = ["cpd is Apache-2.0:\n", (ROOT / "LICENSE").read_text(encoding="utf-8")]
    lines.append("\n/opt/cpd has these libraries as well, whose licences are in /opt/cpd/lib:\n\n")
    packages = site_packages(stage / "opt/cpd")
    for one in sorted(distributions(path=[str(packages)]), key=lambda one: one.name.lower()):
        licence = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
        words = (licence.splitlines() or ["see its files"])[0]
        if one.name != "cpd":
            lines.append(f"{one.name} {one.version}: {words}\n")
    (documents / "copyright").write_text("".join(lines), encoding="utf-8")


def install_manual(stage: Path, pages: Path) -> None:
    """What `man cpd`, `man cpd status` and `man cpd.toml` show, made by the code that is in the package."""
    run(*packaged_python(stage), "-m", "cpd.manual", pages, ROOT / "config/cpd.toml")
    for page in pages.rglob("*.[1-8]"):
        target = stage / "usr/share/man" / page.relative_to(pages).with_name(f"{page.name}.gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(page.read_bytes(), mtime=0))


def install_completion(stage: Path) -> None:
    """What a shell loads when somebody presses Tab behind cpd."""
    for shell, place in COMPLETIONS.items():
        script = output(*packaged_python(stage), "-m", "cpd.cli.main", "completion", shell)
        (stage / place).parent.mkdir(parents=True)
        (stage / place).write_text(script + "\n", encoding="utf-8")


def write_guard_digest(stage: Path) -> None:
    """What the guard is made of, code, libraries and unit, as one line: while that stays, a running one goes on."""
    packages = site_packages(stage / "opt/cpd")
    files = [stage / "usr/lib/systemd/system/cpd-guard.service"]
    for name in GUARD:
        for top in packages.glob(name):
            files += [file for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()]
    digest = hashlib.sha256()
    for file in sorted(file for file in files if file.exists()):
        digest.update(f"{file.relative_to(stage)}\0".encode() + file.read_bytes())
    target = stage / "usr/share/cpd/guard.digest"
    target.write_text(f"{digest.hexdigest()}\n", encoding="utf-8")


def compile_modules(stage: Path) -> None:
    """Compile ahead: user cpd may not write /opt, and would compile everything anew at each start."""
    if not compileall.compile_dir(
        stage / "opt/cpd/lib",
        quiet=1,
        stripdir=str(stage),
        prependdir="/",
        workers=0,
        invalidation_mode=_BY_TIME,
    ):
        raise SystemExit("some modules cannot be compiled")


def write_control(stage: Path, version: str, architecture: str, units: list[str]) -> None:
    """What dpkg reads: control, checksums, configuration files, and the maintainer scripts."""
    recommends = ["ca-certificates", "tzdata"]
    if not (site_packages(stage / "opt/cpd") / "lgpio.py").is_file():
        recommends.append("python3-lgpio")
    files = sorted(file for file in stage.rglob("*") if file.is_file() and not file.is_symlink())
    words = {
        "VERSION": version,
        "ARCHITECTURE": architecture,
        "PYTHON": PYTHON,
        "NEXT_PYTHON": NEXT_PYTHON,
        "RECOMMENDS": ", ".join(recommends),
        "INSTALLED_SIZE": str(sum(-(-file.stat().st_size // 1024) for file in files)),
        "UNITS": " ".join(units),
        "UNITS_LAST_FIRST": " ".join(reversed(units)),
    }
    control = stage / "DEBIAN"
    control.mkdir()
    sums = [f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.relative_to(stage)}\n" for file in files]
    (control / "md5sums").write_text("".join(sums), encoding="utf-8")
    (control / "conffiles").write_text("/etc/cpd/cpd.toml\n", encoding="utf-8")
    packages = site_packages(stage / "opt/cpd")
    # For preinst, which asks it whether it takes the configuration, before anything is replaced.
    with zipfile.ZipFile(control / "code.zip", "w") as code:
        for file in files:
            if file.suffix != ".pyc" and any(file.is_relative_to(packages / name) for name in ("cpd", "hal")):
                code.writestr(zipfile.ZipInfo(str(file.relative_to(packages))), file.read_bytes())
    for name in ("control.in", *SCRIPTS):
        text = (HERE / name).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        (control / name.removesuffix(".in")).write_text(text, encoding="utf-8")


def settle(stage: Path, at: int) -> None:
    """Modes and times that do not depend on who builds, and when."""
    for path in (stage, *stage.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.relative_to(stage) in RUNNABLE else 0o644)
        os.utime(path, (at, at), follow_symlinks=False)


def install(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def run(*command: object, **environment: str) -> None:
    subprocess.run(
        [str(word) for word in command], check=True, stdout=sys.stderr, env=os.environ | environment
    )


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
