"""What the tests of the Python package share: it is that of the build, and its
library is that of the build."""
import asyncio
import os
import subprocess
import sys
import tempfile

import pytest

from built import BUILD, PYTHON_ENV, ROOT

os.environ.setdefault("HAPLO_SIM", str(BUILD / "haplo-sim"))
sys.path[:0] = [str(BUILD / "python"), str(ROOT / "test" / "integration")]


def pytest_configure(config):
    """AddressSanitizer must be the first library of a process: if the build
    has it, this process begins again with it."""
    library = (BUILD / "python/haplopoll/_haplopoll.abi3.so").read_bytes()
    if b"__asan_init" not in library:
        return
    if "LD_PRELOAD" in os.environ:
        for name in ("LD_PRELOAD", "ASAN_OPTIONS"):
            PYTHON_ENV[name] = os.environ.pop(name)
        return
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], check=True,
                             text=True, stdout=subprocess.PIPE).stdout.strip()
    os.environ["LD_PRELOAD"] = runtime
    # Python itself does not free all that it has at the end.
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.suspend_global_capture(in_=True)
    os.execv(sys.executable, [sys.executable, "-m", "pytest",
                              *config.invocation_params.args])


def loop_factories():
    import uvloop

    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine to its end, in asyncio's loop and in uvloop's."""
    def run_in_loop(main):
        factory = loop_factories()[request.param]
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)
    run_in_loop.factory = loop_factories()[request.param]
    run_in_loop.name = request.param
    return run_in_loop


@pytest.fixture
def sim_of():
    """Starts simulators, without TLS unless it is asked for."""
    from sim import Sim

    sims = []

    def start(*arguments):
        sims.append(Sim("--apps=1", *arguments).__enter__())
        return sims[-1]
    yield start
    for sim in sims:
        sim.stop()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, shared by the tests of a file."""
    from postgres_server import PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the server runs as another user
        with PostgresServer(folder) as server:
            yield server
