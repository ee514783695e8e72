"""What is in the Debian package: its files, their modes, and what dpkg reads of it."""

import gzip
import hashlib
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cpd import __version__
from cpd.manual.__main__ import manual
from cpd.settings.loading import load_settings
from tests.packaging.package import ROOT, SYSTEM_PYTHON, built_package

# Whoever runs these tests alone waits here for the package to be built.
pytestmark = pytest.mark.timeout(600)

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


@pytest.fixture(scope="module")
def package() -> Path:
    return built_package()


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's files, and those for dpkg in DEBIAN."""
    folder = tmp_path_factory.mktemp("package") / "root"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def control(unpacked: Path) -> dict[str, str]:
    lines = (unpacked / "DEBIAN/control").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if not line.startswith(" "))


@cache
def system_python() -> str:
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run(
        [SYSTEM_PYTHON, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()


def installed(unpacked: Path) -> Iterator[Path]:
    """Every file and link that the package installs."""
    for path in sorted(unpacked.rglob("*")):
        if not path.is_relative_to(unpacked / "DEBIAN"):
            yield path


def in_package(unpacked: Path, path: str) -> Path:
    """The file that an absolute *path* will be, links of the package followed."""
    here = unpacked / path.lstrip("/")
    while here.is_symlink():
        target = here.readlink()
        here = unpacked / str(target).lstrip("/") if target.is_absolute() else here.parent / target
        if not here.is_relative_to(unpacked / "opt") and not here.exists():
            return Path("/") / here.relative_to(unpacked)
    return here


def units(unpacked: Path) -> list[Path]:
    return sorted((unpacked / "usr/lib/systemd/system").iterdir())


def test_it_is_named_by_version_python_and_architecture(package: Path, control: dict[str, str]):
    version = f"{__version__}+py{system_python()}"
    assert control["Version"] == version
    assert package.name == f"cpd_{version}_{control['Architecture']}.deb"


def test_it_goes_with_the_python_that_it_was_built_for_and_no_other(control: dict[str, str]):
    major, minor = system_python().split(".")
    assert f"python3 (>= {major}.{minor})" in control["Depends"]
    assert f"python3 (<< {major}.{int(minor) + 1})" in control["Depends"]


def test_nothing_that_debian_lacks_is_needed_from_elsewhere(control: dict[str, str]):
    names = {re.split(r"[ (]", name.strip())[0] for name in control["Depends"].split(",")}
    assert names == {"python3", "systemd", "init-system-helpers", "libc6"}


def test_the_configuration_is_the_only_conffile(unpacked: Path):
    assert (unpacked / "DEBIAN/conffiles").read_text() == "/etc/cpd/cpd.toml\n"


def test_the_example_differs_from_that_of_the_source_in_the_process_of_the_hardware(unpacked: Path):
    """The user cpd has no hardware: with the rest as it is, the installed services run on it."""
    example = unpacked / "etc/cpd/cpd.toml"
    source = ROOT / "config/cpd.toml"
    lines = zip(example.read_text().splitlines(), source.read_text().splitlines(), strict=True)
    [(installed, of_source)] = [pair for pair in lines if pair[0] != pair[1]]
    assert installed.startswith('process = "guard" ') and of_source.startswith('# process = "inside" ')
    assert load_settings(example).hal.process == "guard"
    assert (unpacked / "usr/share/cpd/cpd.toml").read_bytes() == example.read_bytes()


def test_every_file_has_its_checksum(unpacked: Path):
    lines = (unpacked / "DEBIAN/md5sums").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = [path for path in installed(unpacked) if path.is_file() and not path.is_symlink()]
    assert sums == {
        str(path.relative_to(unpacked)): hashlib.md5(path.read_bytes()).hexdigest() for path in files
    }


def test_everybody_may_read_all_of_it_and_nobody_but_root_change_it(package: Path):
    listing = subprocess.run(
        ["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    allowed = {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"}
    assert {tuple(line.split()[:2]) for line in listing} == {(mode, "root/root") for mode in allowed}


def test_only_the_command_and_the_scripts_of_dpkg_can_be_run(unpacked: Path):
    runs = {
        str(path.relative_to(unpacked))
        for path in unpacked.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & stat.S_IXUSR
    }
    assert runs == {"opt/cpd/bin/cpd", *(f"DEBIAN/{name}" for name in SCRIPTS)}


def test_nothing_is_left_of_the_tools_and_the_places_of_the_build(unpacked: Path):
    names = {path.name for path in (unpacked / "opt/cpd").rglob("*")}
    assert names.isdisjoint({"pip", "setuptools", "pkg_resources", "direct_url.json", "RECORD", "activate"})
    built_in = [str(ROOT).encode(), b"cpd-deb-"]
    knowing = [
        str(path.relative_to(unpacked))
        for path in unpacked.rglob("*")
        if path.is_file() and not path.is_symlink() and any(place in path.read_bytes() for place in built_in)
    ]
    assert knowing == []


def test_the_command_is_in_the_path_and_runs_with_the_systems_python(unpacked: Path):
    command = in_package(unpacked, "/usr/bin/cpd")
    assert command == unpacked / "opt/cpd/bin/cpd"
    [first, *_] = command.read_text(encoding="utf-8").splitlines()
    assert first == "#!/opt/cpd/bin/python -I"
    assert in_package(unpacked, "/opt/cpd/bin/python") == Path("/usr/bin/python3")


def test_every_module_is_compiled_for_that_python(unpacked: Path):
    sources = [path for path in (unpacked / "opt/cpd").rglob("*.py") if not path.is_symlink()]
    tag = f"cpython-{system_python().replace('.', '')}"
    without = [
        str(path.relative_to(unpacked))
        for path in sources
        if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").exists()
    ]
    assert len(sources) > 500
    assert without == []


def test_the_units_are_those_of_the_source_and_run_what_is_in_the_package(unpacked: Path):
    assert {unit.name for unit in units(unpacked)} >= {"cpd.service", "cpd-guard.service"}
    for unit in units(unpacked):
        text = unit.read_text(encoding="utf-8")
        assert text == (ROOT / "systemd" / unit.name).read_text(encoding="utf-8")
        programs = re.findall(r"^Exec\w+=[-+!@:]*(\S+)", text, re.MULTILINE)
        assert programs
        for program in programs:
            ours = program.startswith(("/opt", "/usr/bin/cpd"))
            assert in_package(unpacked, program).exists() if ours else program in ("/bin/sh", "/bin/cp"), (
                program
            )


def test_every_file_for_systemd_has_its_place(unpacked: Path):
    sources = [path for path in (ROOT / "systemd").iterdir() if path.is_file()]
    contents = {path.read_bytes() for path in (unpacked / "usr/lib").rglob("*") if path.is_file()}
    assert [path.name for path in sources if path.read_bytes() not in contents] == []


def test_units_that_start_by_themselves_are_enabled_stopped_and_forgotten_the_guard_first_and_last(
    unpacked: Path,
):
    enabled = [unit.name for unit in units(unpacked) if "\n[Install]" in unit.read_text(encoding="utf-8")]
    order = sorted(enabled, key=lambda name: (name != "cpd-guard.service", name))
    assert f"for unit in {' '.join(order)}; do" in (unpacked / "DEBIAN/postinst").read_text()
    assert f"stop {' '.join(reversed(order))} " in (unpacked / "DEBIAN/prerm").read_text()
    assert f"for unit in {' '.join(order)}; do" in (unpacked / "DEBIAN/postrm").read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_of_dpkg_are_shell_and_leave_no_word_open(unpacked: Path, script: str):
    file = unpacked / "DEBIAN" / script
    subprocess.run(["sh", "-n", file], check=True)
    assert re.findall(r"@[A-Z_]+@", file.read_text(encoding="utf-8")) == []


def test_every_library_is_named_with_its_licence(unpacked: Path):
    words = (unpacked / "usr/share/doc/cpd/copyright").read_text(encoding="utf-8")
    distributions = (unpacked / "opt/cpd").rglob("*.dist-info")
    names = {path.name.split("-")[0].replace("_", "-").lower() for path in distributions} - {"cpd"}
    assert names >= {"websockets", "ocpp", "msgspec", "click", "gpiozero", "pyserial"}
    listed = {
        line.split()[0].replace("_", "-").lower()
        for line in words.splitlines()
        if re.match(r"\S+ [\d.]+\S*: ", line)
    }
    assert listed == names


def test_the_modules_in_it_are_those_of_the_tree_and_no_older_ones(unpacked: Path):
    def names(folder: Path) -> set[str]:
        walked = (
            entry for package in ("cpd", "hal") for entry in os.walk(folder / package, followlinks=True)
        )
        files = {os.path.relpath(f"{place}/{name}", folder) for place, _, names in walked for name in names}
        return {name for name in files if not name.endswith(".pyc")}

    assert names(unpacked / f"opt/cpd/lib/python{system_python()}/site-packages") == names(ROOT)


@pytest.mark.skipif(
    f"{sys.version_info.major}.{sys.version_info.minor}" != system_python(),
    reason="another Python than Debian's",
)
def test_it_runs_from_the_compiled_files_alone(unpacked: Path):
    """User cpd may not write /opt: what had to be compiled would have to be at each start."""
    modules = unpacked / f"opt/cpd/lib/python{system_python()}/site-packages"
    script = "import sys; from cpd.cli.main import main; sys.exit(main(['--version']))"
    run = subprocess.run(
        [
            SYSTEM_PYTHON,
            "-v",
            "-P",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(modules)!r}); {script}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"cpd {__version__}\n"
    assert "matches" in run.stderr
    assert "wrote" not in run.stderr


def test_the_manual_and_the_completion_of_each_shell_are_installed(unpacked: Path):
    pages = {
        path.relative_to(unpacked / "usr/share/man").as_posix(): gzip.decompress(path.read_bytes()).decode()
        for path in (unpacked / "usr/share/man").rglob("*.gz")
    }
    sample = (ROOT / "config/cpd.toml").read_text(encoding="utf-8")
    assert pages == {f"{name}.gz": source for name, source in manual(sample)}
    for place in (
        "bash-completion/completions/cpd",
        "zsh/vendor-completions/_cpd",
        "fish/vendor_completions.d/cpd.fish",
    ):
        assert "_CPD_COMPLETE" in (unpacked / "usr/share" / place).read_text(encoding="utf-8")


def test_every_file_of_ours_that_a_text_names_is_in_the_package(unpacked: Path):
    documents = [ROOT / "README.md", *(ROOT / "config").rglob("*.md"), *(ROOT / "config").rglob("*.toml")]
    texts = [file.read_text(encoding="utf-8") for file in documents]
    texts += [source.replace("\\-", "-") for _, source in manual((ROOT / "config/cpd.toml").read_text())]
    named = {
        path
        for text in texts
        for path in re.findall(r"/(?:usr/share|usr/share/doc|opt)/cpd/[\w./-]*\w", text)
    }
    assert len(named) >= 4
    assert sorted(path for path in named if not in_package(unpacked, path).exists()) == []
