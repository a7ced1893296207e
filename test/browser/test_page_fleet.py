"""What the page shows of hosts that share the servers."""
from fixture import Fixture, make_fleet, make_host, stamp

ROWS = "document.querySelectorAll('.queue').length > 4"


def open_page(browser, fixture):
    browser.open(fixture.url)
    browser.wait(ROWS)


def spread(fixture, **more):
    """b polls s1 and s2."""
    for name in ("s1", "s2"):
        fixture.servers[name].update(health="elsewhere", state="ELSEWHERE",
                                     polled_by="b")
    for queue in fixture.queues.values():
        if queue["server"] in ("s1", "s2"):
            queue.update(health="elsewhere", state="ELSEWHERE", polled_by="b")
    fixture.fleet = make_fleet(
        make_host("a", 600, self=True, desired_slots=512),
        make_host("b", 424, desired_slots=512),
        make_host("old", 0, state="gone", renewed_at=stamp(86400)), **more)


# Most installations are one host.
def test_without_a_fleet_there_are_no_hosts(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        assert browser.run("document.getElementById('host-panel').hidden")
        browser.check_clean()


# What another host polls is no trouble, and where it is polled is said.
def test_what_other_hosts_poll_is_no_trouble(browser):
    with Fixture() as fixture:
        spread(fixture)
        open_page(browser, fixture)
        assert browser.text("#verdict") == "All 120 queues of this host are fine"
        assert "80 elsewhere" in browser.text("#verdict-note")
        hosts = [" ".join(text.split()) for text in
                 browser.texts("#host-list > li")]
        assert len(hosts) == 2
        assert "a" in hosts[0] and "this host" in hosts[0]
        assert "600 slots, 88 to go" in hosts[0] and "alive" in hosts[0]
        assert "424 slots, 88 to come" in hosts[1]
        server = browser.text("#server-list [data-key=s1]")
        assert "polled by b" in server and "elsewhere" in server
        browser.click("#server-list [data-key=s1] button")
        browser.wait("document.querySelector('#story .box') !== null")
        browser.wait("document.getElementById('story').innerText"
                     ".includes('It is polled by b')")
        browser.check_clean()


# A host that is about to stop must be seen before it does, whatever the host is
# called.
def test_a_fleet_in_trouble_is_told_at_the_top(browser):
    with Fixture() as fixture:
        spread(fixture, state="failing",
               state_text="cannot renew its membership",
               cause="<b>timeout</b>", failing_since=stamp(4),
               stops_polling_at=stamp(-15), configurations_differ=True)
        fixture.fleet["slots"]["without_owner"] = 424
        fixture.fleet["hosts"][1].update(
            state="expired", configuration_differs=True,
            state_text="is not heard of, but still has slots")
        open_page(browser, fixture)
        note = browser.text("#verdict-note")
        for words in ("This host cannot renew its membership: <b>timeout</b>",
                      "it stops polling in", "No host polls 424 of 1,024 slots",
                      "Hosts have different configurations"):
            assert words in note, words
        host = browser.text("#host-list [data-key=b]")
        for words in ("expired", "another configuration", "is not heard of"):
            assert words in host, words
        browser.check_clean()


# The status brings what changes, without a reload of the page.
def test_hosts_are_live(browser):
    with Fixture() as fixture:
        spread(fixture)
        open_page(browser, fixture)
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        fixture.fleet["hosts"].append(make_host("c", 0, desired_slots=341))
        fixture.send("status", fixture.status())
        browser.wait("document.querySelectorAll('#host-list > li').length"
                     " === 3")
        assert "0 slots, 341 to come" in browser.text(
            "#host-list [data-key=c]")
        browser.check_clean()
