"""A real haplo-poll for the page: five servers with 40 queues each on a
simulator, an archive of files, and a receiver that refuses poison.

    with Real(poll_of) as real:
        real.open(browser)
        real.sim.script("fault app=app2 queue=q5 on=fetch do=status times=0")

Among the queues are a refused key, a mistake in the configuration and a wrong
name, as any larger installation has.
"""
from admin_client import admin_of
from ports import free_port
from receiver import Receiver
from sim import Sim

TOKEN = "page-token-of-the-tests-0123456789"
READ_TOKEN = "read-token-of-the-tests-0123456789"
APPS = 5
QUEUES = 40
SHOWN = "document.querySelectorAll('.queue').length > 4"


class Real:
    """It, from start to stop."""

    def __init__(self, poll_of, queues=QUEUES, trouble=True):
        self.poll_of = poll_of
        self.queue_count = queues
        self.has_trouble = trouble
        self.accepts_poison = False
        self.sim = Sim(f"--apps={APPS}", f"--queues={queues}", "--messages=3",
                       "--rate=4/min", "--tls")

    def __enter__(self):
        self.sim.__enter__()
        try:
            self.receiver = Receiver(self.answer)
            self.poll = self.poll_of(self.sim)
            self.configure()
            self.running = self.poll.start()
            self.admin = admin_of(self.poll)
        except BaseException:
            self.sim.stop()
            raise
        return self

    def __exit__(self, *_):
        self.receiver.kill()
        self.poll.kill_all()
        self.sim.stop()

    def answer(self, request):
        is_poison = b"poison" in request.body and not self.accepts_poison
        return (422, {}, b"unknown person") if is_poison else 204

    def configure(self):
        config = self.poll.config
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        for name, token in (("token", TOKEN), ("read-token", READ_TOKEN)):
            (self.sim.dir / name).write_text(token)
            (self.sim.dir / name).chmod(0o600)
        config["admin"] = {"listen": f"127.0.0.1:{self.port}",
                           "token_file": "token",
                           "read_token_file": "read-token"}
        config["defaults"] = {"interval": "2s", "backoff": "500ms",
                              "backoff_max": "5s", "refused_wait": "1h"}
        for server in config["servers"]:
            server["max_in_flight"] = 4
        config["outlets"] = [
            {"name": "archive", "type": "files", "path": "archive"},
            self.receiver.outlet("crm", queues=["app1/*"],
                                 on_refused="dead_letter")]
        if self.has_trouble:
            self.add_trouble()

    def add_trouble(self):
        (self.sim.dir / "keys" / "app1-q1").write_text("x" * 43)
        self.poll.queue("app1", "q2")["interval"] = "soon"
        self.poll.queue("app5", "q3")["name"] = "misspelt"

    # What tests do with it

    def log_in(self, browser, token=TOKEN):
        browser.wait("!document.getElementById('login').hidden")
        browser.type(token)
        browser.press("Enter")

    def open(self, browser, token=TOKEN, path=""):
        """Opens the page, and logs in."""
        browser.open(self.url + path)
        self.log_in(browser, token)
        browser.wait(SHOWN)

    def fail(self, app, queue):
        """From now on, each fetch of this queue fails."""
        self.sim.script(f"fault app={app} queue={queue} on=fetch do=status"
                        " code=503 times=0")

    def stop_server(self, app):
        self.sim.script(f"fault do=refuse for=0 app={app}")
