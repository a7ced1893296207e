"""What hosts that share the servers tell each other through PostgreSQL."""
from fleet_tables import host_of, schema  # noqa: F401

SITE = "haplo.example.org:443"
ADDRESS = "192.0.2.1:443"


def tell(host, *words):
    host.send(*words)
    done = host.read()
    assert (done["event"], done["error"]) == ("written", ""), done


def two_hosts(host_of):
    a, b = host_of("a"), host_of("b")
    return a, b, a.join(), b.join()


# A server counts the logins of all hosts, and refuses all of them in the end.
def test_failed_logins_of_hosts_add_up(host_of):
    a, b, a_term, b_term = two_hosts(host_of)
    tell(a, "failed", SITE, "-", 2)
    tell(b, "failed", SITE, "-", 1)
    tell(b, "failed", ADDRESS, SITE, 1)
    for host, term in ((a, a_term), (b, b_term)):
        logins = host.ask("renew", term)["logins"]
        assert list(logins) == [SITE, ADDRESS]  # whom it refers to comes first
        assert logins[SITE][:2] == ["", 3]
        assert logins[ADDRESS][:2] == [SITE, 1]
        assert logins[SITE][2] < 60_000


# The server itself forgets them after some minutes.
def test_a_count_begins_anew_when_it_has_expired(schema, host_of):
    a, _, a_term, _ = two_hosts(host_of)
    tell(a, "failed", SITE, "-", 4)
    schema.sql("UPDATE haplo.failed_logins SET newest_at = newest_at - 400000")
    assert a.ask("renew", a_term)["logins"][SITE][2] >= 400_000
    tell(a, "failed", SITE, "-", 1)
    assert a.ask("renew", a_term)["logins"][SITE][1] == 1


# A login that was successful, or a count that has expired here, says nothing
# about what has failed elsewhere since.
def test_what_others_have_added_is_not_cleared(schema, host_of):
    a, b, a_term, _ = two_hosts(host_of)
    tell(a, "failed", SITE, "-", 2)
    tell(b, "failed", SITE, "-", 1)
    tell(a, "cleared", SITE, 2)
    assert a.ask("renew", a_term)["logins"][SITE][1] == 3
    tell(a, "cleared", SITE, 3)
    assert a.ask("renew", a_term)["logins"] == {}
    tell(a, "failed", SITE, "-", 9)
    schema.sql("UPDATE haplo.failed_logins SET newest_at = newest_at - 400000")
    tell(a, "cleared", SITE, 1)
    assert schema.value("SELECT count(*) FROM haplo.failed_logins") == "0"


# Whoever gets the queue next must not try the key as if it had worked.
def test_keys_that_were_refused(host_of):
    a, b, _, b_term = two_hosts(host_of)
    tell(a, "refused", "live", "student")
    tell(a, "refused", "live", "student")
    tell(a, "refused", "live", "staff")
    assert b.ask("renew", b_term)["keys"] == [["live", "staff"],
                                              ["live", "student"]]
    tell(b, "worked", "live", "student")
    assert b.ask("renew", b_term)["keys"] == [["live", "staff"]]


# It holds on whichever host has the queue.
def test_queues_that_are_paused(host_of):
    a, b, _, b_term = two_hosts(host_of)
    tell(a, "pause", "live", "student", "ann", "moving")
    assert b.ask("renew", b_term)["pauses"] == [
        ["live", "student", "ann", "moving", 1234]]
    tell(a, "pause", "live", "student", "bob", "late")
    assert b.ask("renew", b_term)["pauses"] == [
        ["live", "student", "bob", "late", 1234]]
    tell(b, "resume", "live", "student")
    assert b.ask("renew", b_term)["pauses"] == []


# Each host asks every few seconds, and nothing changes for weeks.
def test_it_is_sent_only_if_it_has_changed(host_of):
    a, b, a_term, b_term = two_hosts(host_of)
    assert "logins" not in b.ask("renew", b_term)
    tell(a, "failed", SITE, "-", 1)
    assert b.ask("renew", b_term)["logins"][SITE][1] == 1
    assert "logins" not in b.ask("renew", b_term)
    tell(a, "failed", SITE, "-", 1)
    assert b.ask("renew", b_term)["logins"][SITE][1] == 2
    assert a.ask("renew", a_term)["logins"][SITE][1] == 2


# The host has to tell them again.
def test_a_write_that_fails(schema, host_of):
    a, _, a_term, _ = two_hosts(host_of)
    schema.sql("REVOKE INSERT ON haplo.pauses FROM haplo_writer")
    a.send("pause", "live", "student", "ann", "moving")
    done = a.read()
    schema.sql("GRANT INSERT ON haplo.pauses TO haplo_writer")
    assert done["error"] == "HAPLO_EDELIVERY"
    assert "tell the other hosts: permission denied" in done["why"]
    tell(a, "pause", "live", "student", "ann", "moving")
    assert len(a.ask("renew", a_term)["pauses"]) == 1
