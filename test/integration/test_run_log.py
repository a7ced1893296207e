"""What `run` logs: one line for each cause, however many queues it affects, and
one when it is over; in formats for people and for programs."""
import json
import re

from sim import Sim, wait_for

WAITS = {"interval": "30ms", "backoff": "10ms", "backoff_max": "50ms"}


def warnings(run):
    """Lines that are neither about the start nor the end."""
    return [line for line in run.err.splitlines()
            if not re.search(r"polling; queues|stopped; batches|SIGTERM|"
                             r"finishing outstanding", line)]


# A failure that lasts must be seen in a log, and must not fill it; one wants
# to know when it is over, too, and how long it took.
def test_a_failure_is_one_line_and_its_end_another(poll_of):
    with Sim("--apps=2", "--queues=1", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        sim.script("fault app=app1 on=fetch do=status code=500 times=0")
        poll.config["defaults"].update(WAITS, breaker_failures=1000)
        run = poll.start()
        run.wait_for_line("fetch app1/q1", "responded 500")
        wait_for(lambda: sim.app_stats()["requests"] > 20)
        sim.script("clear faults")
        run.wait_for_line("app1/q1: works again after ", " failures in ")
        assert len(warnings(run)) == 2, run.err
        assert run.stop() == 0
        poll.check_all_stored()


# A page that says that the server is being maintained once made 15,000 lines a
# minute.
def test_a_maintenance_page_on_5000_queues_is_a_few_lines(poll_of):
    with Sim("--apps=1", "--queues=5000") as sim:
        poll = poll_of(sim)
        sim.script("fault on=fetch do=html times=0")
        poll.config["defaults"].update(WAITS)
        run = poll.start()
        run.wait_for_line("app1: ", " queues failing: ")
        wait_for(lambda: sim.app_stats()["requests"] > 12000)
        sim.script("clear faults")
        run.wait_for_line("app1: ", "queues work again after")
        told = warnings(run)
        print(len(told), "lines", *told, sep="\n")
        assert len(told) <= 3, run.err
        assert run.stop() == 0


# What a program reads must be parsed, not searched: each line is an object, and
# says what it is about.
def test_json_lines_say_what_they_are_about(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        poll.config["log_format"] = "json"
        poll.config["defaults"].update(WAITS)
        sim.script("fault app=app1 on=fetch do=html times=0")
        run = poll.start()
        run.wait_for_line('"event":"failing"')
        sim.script("clear faults")
        run.wait_for_line('"event":"working"')
        assert run.stop() == 0
        lines = [json.loads(line) for line in run.err.splitlines()]
        failing = next(line for line in lines
                       if line.get("event") == "failing")
        assert failing["level"] == "warning"
        assert failing["server"] == "app1" and failing["queue"] == "q1"
        assert failing["class"] == "protocol" and failing["count"] == 1
        assert failing["msg"].startswith("fetch app1/q1: ")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                            failing["time"])
        working = next(line for line in lines
                       if line.get("event") == "working")
        assert working["duration_seconds"] > 0


# Whoever starts the service hears soon of certificates that will stop it. That
# servers are told together is tested in virtual time (test_expiry.c).
def test_a_certificate_that_expires_soon_is_a_line(poll_of):
    with Sim("--apps=2", "--queues=1", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        poll.config["log_format"] = "json"
        poll.config["defaults"].update(WAITS)
        sim.script("app app2 certificate-lifetime=13d")
        run = poll.start()
        line = json.loads(run.wait_for_line('"event":"expiry"')[0])
        assert run.stop() == 0
        assert line["level"] == "warning" and line["server"] == "app2"
        assert re.match(r"app2: its certificate expires in 1[23] d( 23 h)?, at ",
                        line["msg"])
        assert run.err.count('"event":"expiry"') == 1


# The same for tools that read logfmt.
def test_logfmt_lines_have_the_same_fields(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        poll.config["log_format"] = "logfmt"
        poll.config["defaults"].update(WAITS)
        sim.script("fault app=app1 on=fetch do=html times=0")
        run = poll.start()
        line = run.wait_for_line("event=failing")[0]
        assert run.stop() == 0
        fields = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))
        assert fields["level"] == "warning" and fields["server"] == "app1"
        assert fields["queue"] == "q1" and fields["class"] == "protocol"
        assert fields["msg"].startswith('"fetch app1/q1: ')
