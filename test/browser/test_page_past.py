"""The plots: what the process remembers of the last hours."""
from fixture import Fixture
from sim import BUILD

LINE = "document.querySelector('.gauge[data-key={}] path.line').getAttribute('d')"
PEAK = "document.querySelector('.gauge[data-key={}] .peak').innerText"


def open_page(browser, fixture, path=""):
    browser.open(fixture.url + path)
    browser.wait("document.querySelectorAll('.queue').length > 4")


# Whoever opens the page in the morning sees the night, and needs no page that
# was open all the time.
def test_the_last_hours_are_there_when_the_page_is_opened(browser):
    with Fixture() as fixture:
        fixture.outlets["crm"].update(
            health="failing", state="waiting", is_caught_up=False,
            lag_messages=2500, lag_seconds=130.0, cause="connect: refused")
        open_page(browser, fixture)
        browser.wait(f"{LINE.format('received')} !== null")
        assert browser.run(PEAK.format("received")) == "peak 88.9 in 12 h"
        points = browser.run(LINE.format("received")).count("L")
        assert 100 < points < 200  # a peak of a minute is kept, not each minute
        browser.wait("document.querySelector('[data-key=crm] .plot path.line')"
                     ".hasAttribute('d')")
        for is_dark in (False, True):
            browser.resize(1440, 900, is_dark)
            browser.screenshot(BUILD / "page" / (
                f"hours-{'dark' if is_dark else 'light'}.png"))
        browser.check_clean()


# A laptop was closed: a line through that time would be invented.
def test_minutes_that_are_not_known_are_a_gap(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        browser.wait(f"{LINE.format('received')} !== null")
        assert browser.run(LINE.format("received")).count("M") == 2
        browser.check_clean()


# Its first minute has not ended: no plot, and nothing goes wrong.
def test_a_process_that_has_just_started_has_no_past(browser):
    with Fixture() as fixture:
        fixture.minutes = []
        open_page(browser, fixture)
        browser.wait("document.querySelectorAll('.gauge').length === 5")
        assert browser.run(LINE.format("received")) is None
        assert browser.run(PEAK.format("backlog")) == ""
        browser.check_clean()


# A process that is young shows half an hour, of which most is to come.
def test_a_young_process_has_a_short_line(browser):
    with Fixture() as fixture:
        fixture.minutes = [600, 1200, 600]
        open_page(browser, fixture)
        browser.wait(f"{LINE.format('received')} !== null")
        first = browser.run(f"parseFloat({LINE.format('received')}.slice(1))")
        assert first > 170  # of 200
        assert browser.run(PEAK.format("received")).endswith("in 30 min")
        browser.check_clean()


# When did it fall behind?
def test_the_story_of_an_outlet_has_its_plots(browser):
    with Fixture() as fixture:
        open_page(browser, fixture, "#outlet/crm")
        browser.wait("document.querySelector('#story .history li') !== null")
        assert browser.texts("#story .gauge h3") == ["Forwarded", "Backlog",
                                                     "Lag"]
        browser.wait("document.querySelectorAll('#story .gauge path.line[d]')"
                     ".length === 3")
        browser.check_clean()


# The counters of an outlet begin again when it is restarted: no spike.
def test_a_counter_that_was_reset_makes_no_spike(browser):
    with Fixture() as fixture:
        fixture.minutes = [60]
        open_page(browser, fixture)
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        fixture.stored = 10
        for _ in range(3):
            fixture.send("status", fixture.status())
        browser.wait("performance.now() > 9000")
        peak = float(browser.run(PEAK.format("received")).split()[1])
        assert peak < 50
        browser.check_clean()
