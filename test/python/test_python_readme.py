"""The package as its README says that it is installed and used."""
import ast
import re
import shutil
import signal
import subprocess
import sys

import pytest

from built import BUILD, PYTHON_ENV, ROOT
from doc_snippets import snippets_of
from sim import wait_for

README = (ROOT / "bindings" / "python" / "README.md").read_text()


def first_program(folder):
    text, = re.findall(r"<!-- test: first -->\n```python\n(.*?)```", README,
                       re.S)
    path = folder / "first.py"
    path.write_text(text)
    return path


def make_install(prefix):
    """What `make install` installs of the library."""
    library, = BUILD.glob("libhaplopoll.so.*.*.*")
    for folder in ("lib/pkgconfig", "include"):
        (prefix / folder).mkdir(parents=True)
    shutil.copy(ROOT / "include" / "haplopoll.h", prefix / "include")
    shutil.copy(library, prefix / "lib")
    for name in ("libhaplopoll.so.0", "libhaplopoll.so"):
        (prefix / "lib" / name).symlink_to(library.name)
    template = (ROOT / "src" / "haplopoll.pc.in").read_text()
    for name, value in (("PREFIX", prefix), ("LIBDIR", prefix / "lib"),
                        ("INCLUDEDIR", prefix / "include"),
                        ("VERSION", "0.1.0"), ("LIBS", "")):
        template = template.replace(f"@{name}@", str(value))
    (prefix / "lib" / "pkgconfig" / "haplopoll.pc").write_text(template)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a program, with the package installed by pip."""
    folder = tmp_path_factory.mktemp("installed")
    make_install(folder / "prefix")
    shutil.copytree(ROOT / "bindings" / "python", folder / "source")
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder),
        "PKG_CONFIG_PATH": str(folder / "prefix" / "lib" / "pkgconfig"),
        "LD_LIBRARY_PATH": str(folder / "prefix" / "lib")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-index",
         "--no-build-isolation", "--no-cache-dir", "--target",
         folder / "packages", folder / "source"], env=environment, text=True,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    module, = (folder / "packages" / "haplopoll").glob("_haplopoll*.so")
    assert module.name == "_haplopoll.abi3.so"
    assert (folder / "packages" / "haplopoll" / "py.typed").exists()
    assert (folder / "packages" / "haplopoll" / "_haplopoll.pyi").exists()
    return {**environment, **PYTHON_ENV,
            "PYTHONPATH": str(folder / "packages")}


@pytest.mark.parametrize("runner", ["asyncio.run", "uvloop.run"])
def test_its_first_program_prints_messages(installed, tmp_path, sim_of,
                                           runner):
    sim = sim_of("--queues=1", "--messages=40")
    path = first_program(tmp_path)
    if runner == "uvloop.run":
        # What uvloop 0.18 has; that of Debian has a policy.
        path.write_text("import uvloop\n" + path.read_text().replace(
            "asyncio.run(", "uvloop.install()\nasyncio.run("))
    with subprocess.Popen(
            [sys.executable, path, sim.url(), "q1"], env=installed,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        program.stdin.write(sim.key())
        program.stdin.close()
        try:
            wait_for(lambda: sim.unread() == 0)
        finally:
            program.send_signal(signal.SIGINT)
            printed = program.stdout.read()
    assert printed == "".join(message["bytes"] + "\n" for message in
                              sim.messages(exact=True))
    assert program.returncode in (-signal.SIGINT, 130)


# What is imported is what pip has compiled, for all later versions of Python.
def test_it_is_installed_by_pip(installed):
    done = subprocess.run(
        [sys.executable, "-c", "import haplopoll; "
         "print(haplopoll.library_version, haplopoll.__file__)"],
        env=installed, check=True, text=True, stdout=subprocess.PIPE)
    version, path = done.stdout.split()
    assert version == "0.1.0"
    assert path.startswith(installed["PYTHONPATH"])


# Whatever is exported is there, and typed.
def test_its_stub_has_what_the_module_has():
    from haplopoll import _haplopoll

    stub = ast.parse((BUILD / "python" / "haplopoll" / "_haplopoll.pyi")
                     .read_text())
    for item in stub.body:
        if isinstance(item, (ast.ClassDef, ast.FunctionDef)):
            there = getattr(_haplopoll, item.name)
            names = {part.name for part in getattr(item, "body", ())
                     if isinstance(part, ast.FunctionDef)}
            if item.name != "Error" and names:
                public = {name for name in vars(there) if
                          not name.startswith("__")}
                assert public == {name for name in names if
                                  not name.startswith("__")}


# The guide shows a part of it.
def test_the_guide_agrees():
    part = " ".join(snippets_of("embedding.md")["python"].split())
    assert part in " ".join(README.split())
