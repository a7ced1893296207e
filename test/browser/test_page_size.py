"""The page with 5, with 2,000 and with more queues than it loads."""
from fixture import Fixture, make_queue

# A frame of the screen is 16 ms; what takes less than a few of them does not
# disturb. Other programs run here as well: the best of some counts.
UPDATE_MS_MAX = 50
UPDATES_MAX = 100


def watch_updates(browser):
    browser.run("void (window.updates = [], new PerformanceObserver(list =>"
                " list.getEntries().forEach(e => e.name === 'update' &&"
                " updates.push(e.duration))).observe({type: 'measure'}))")


# 2,000 queues are what an institution has: an event must not make a slow
# machine stutter, and the document must stay small.
def test_an_update_with_2000_queues_is_fast(browser):
    with Fixture(queues=2000, servers=20) as fixture:
        browser.open(fixture.url)
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '2,000'")
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        watch_updates(browser)
        times = []
        for number in range(1, UPDATES_MAX):
            fixture.change(f"s7/queue-{number}", health="failing",
                           state="BACKOFF", cause="connect: refused")
            browser.wait("document.getElementById('verdict').innerText"
                         ".startsWith(arguments[0])", f"{number} of 2,000")
            times = browser.wait("updates.length > arguments[0] && updates",
                                 len(times))
            if number >= 10 and min(times) < UPDATE_MS_MAX:
                break
        nodes = browser.run("document.querySelectorAll('*').length")
        print(f"an update of 2,000 queues: {min(times):.1f} ms at best, "
              f"{sorted(times)[len(times) // 2]:.1f} ms median; "
              f"{nodes} elements")
        assert min(times) < UPDATE_MS_MAX
        assert nodes < 3000
        browser.check_clean()


# A burst, as when a server goes down, is drawn once and not 100 times.
def test_a_burst_of_events_is_drawn_together(browser):
    with Fixture(queues=2000, servers=20) as fixture:
        browser.open(fixture.url)
        browser.wait("document.getElementById('link').dataset.link === 'live'"
                     " && document.querySelectorAll('.queue').length > 5")
        watch_updates(browser)
        with fixture.holding_events():
            for number in range(1, 101):
                fixture.change(f"s7/queue-{number}", health="failing",
                               state="BACKOFF", cause="connect: refused")
        browser.wait("document.getElementById('verdict').innerText"
                     ".startsWith('100 of 2,000')")
        assert browser.run("updates.length") < 50
        browser.check_clean()


# With five queues, nothing is missing and nothing is in the way.
def test_five_queues_are_all_in_view(browser):
    with Fixture(queues=5, servers=1) as fixture:
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length === 5")
        assert browser.text("#verdict") == "All 5 queues are fine"
        assert browser.text("#queue-count") == "5"
        browser.check_clean()


# Filters combine, survive a reload, and say how many are left.
def test_queues_are_filtered_and_sorted(browser):
    with Fixture(queues=200) as fixture:
        fixture.queues["s2/queue-7"].update(
            health="refused", cause="403 INVALID-API-KEY", unread=7)
        fixture.queues["s2/queue-8"].update(
            health="failing", cause="connect: refused", unread=9)
        browser.open(fixture.url)
        browser.wait("document.getElementById('queue-count').innerText === '200'")
        first = "document.querySelector('.queue[aria-rowindex=\"2\"]').dataset.name"
        assert browser.run(first) == "s2/queue-7"  # the worst
        browser.click("[data-key=unread] button")
        assert browser.run(first) == "s2/queue-8"
        browser.click("[data-key=name] button")
        assert browser.run(first) == "s1/queue-1"
        browser.click("[data-key=name] button")
        assert browser.run(first) == "s5/queue-40"
        browser.click("#search")
        browser.type("S2/ refused")
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '1 of 200'")
        browser.reload()
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '1 of 200'")
        assert browser.run("document.getElementById('search').value") \
            == "S2/ refused"
        assert browser.run(first) == "s2/queue-8"
        browser.check_clean()


# A new queue, and one that is gone, appear with the next reload of the list.
def test_queues_come_and_go(browser):
    with Fixture(queues=5, servers=1) as fixture:
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length === 5")
        del fixture.queues["s1/queue-2"]
        for name in ("new-1", "new-2"):
            fixture.queues[f"s1/{name}"] = make_queue("s1", name)
        fixture.send("gap", {})
        browser.wait("document.querySelectorAll('.queue').length === 6")
        assert "s1/queue-2" not in browser.text("#grid")
        assert "s1/new-2" in browser.text("#grid")
        browser.check_clean()


# 100,000 queues are not loaded into a browser; the process filters them.
def test_more_queues_than_it_loads_are_filtered_by_the_process(browser):
    with Fixture(queues=6000, servers=10) as fixture:
        fixture.queues["s7/queue-599"].update(health="refused",
                                              cause="403 INVALID-API-KEY")
        browser.open(fixture.url)
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '1,000 of 6,000'")
        browser.click("#search")
        browser.type("queue-599")
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '10'")
        browser.click("#chips [data-key=refused]")
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '1'")
        assert browser.texts(".queue .name") == ["s7/queue-599"]
        browser.check_clean()


# A reload of the configuration shows its queues at once.
def test_a_new_configuration_is_loaded(browser):
    with Fixture(queues=5, servers=1) as fixture:
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length === 5"
                     " && document.getElementById('link').dataset.link"
                     " === 'live'")
        fixture.queues["s1/new"] = make_queue("s1", "new")
        status = fixture.status()
        status["configuration"]["generation"] += 1
        fixture.send("status", status)
        browser.wait("document.querySelectorAll('.queue').length === 6")
        browser.check_clean()
