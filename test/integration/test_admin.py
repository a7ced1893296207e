"""The admin socket: who can reach it, and what a client may take."""
import os
import signal
import socket
import stat

from admin_client import admin_of
from sim import Sim, wait_for

SIZES = "--apps=1", "--queues=2", "--messages=20"


def test_the_socket_is_for_its_user_alone(poll_of):
    """Whoever opens it may do everything, so its mode is what protects it."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        running = poll.start()
        admin_of(poll)
        path = poll.folder / "state" / "admin.sock"
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert running.stop() == 0
        assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(poll_of):
    """After a crash, commands must reach the process that runs now."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.start()
        admin_of(poll)
        poll.kill_all()
        assert (poll.folder / "state" / "admin.sock").exists()
        poll.start()
        admin_of(poll)


def test_another_file_at_its_path_is_kept(poll_of):
    """A mistake in the configuration must not delete an inbox."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["admin"] = {"socket": "precious"}
        (sim.dir / "precious").write_text("keep me")
        running = poll.start()
        running.wait_for_line("admin: cannot listen on", "precious",
                              "File exists")
        running.wait_for_line("polling;")
        running.signal(signal.SIGUSR1)
        wait_for(lambda: sim.unread() == 0, "it polls nevertheless")
        assert (sim.dir / "precious").read_text() == "keep me"


def test_health_is_answered_while_it_polls(poll_of):
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.start()
        reply = admin_of(poll).ask("GET", "/healthz")
        assert reply.body == b"ok\n"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_unknown_paths_and_methods_are_errors_in_json(poll_of):
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.start()
        admin = admin_of(poll)
        assert admin.get("/api/v1/nothing", 404)["error"]["code"] == "not_found"
        assert (admin.post("/healthz", status=405)["error"]["code"]
                == "method_not_allowed")
        assert admin.get("/healthz/", 404)


def test_a_port_that_is_in_use_stops_nothing(poll_of):
    with Sim(*SIZES) as sim, socket.create_server(("127.0.0.1", 0)) as other:
        poll = poll_of(sim)
        (sim.dir / "token").write_text("t" * 32)
        (sim.dir / "token").chmod(0o600)
        port = other.getsockname()[1]
        poll.config["admin"] = {"listen": f"127.0.0.1:{port}",
                                "token_file": "token"}
        running = poll.start()
        running.wait_for_line("admin: cannot listen on", "in use")
        admin_of(poll)
        running.wait_for_line("polling;")
        running.signal(signal.SIGUSR1)
        wait_for(lambda: sim.unread() == 0, "it polls nevertheless")
