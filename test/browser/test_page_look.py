"""How the page looks to people who see less, and while it changes."""
import itertools
import re

import pytest

from fixture import Fixture, WEB, stamp

TEXTS = ("ink", "soft", "accent", "failing", "stuck", "paused")
GROUNDS = ("paper", "surface", "raised")
WASHES = {"accent": "accent-wash", "failing": "failing-wash",
          "stuck": "stuck-wash", "paused": "paused-wash"}


def colours(is_dark):
    """The colours of page.css, by name."""
    light, dark = (WEB / "page.css").read_text().split(
        "prefers-color-scheme: dark", 1)
    found = dict(re.findall(r"--([\w-]+): (#\w{6});", light))
    if is_dark:
        found.update(re.findall(r"--([\w-]+): (#\w{6});", dark))
    return found


def contrast(one, other):
    """As WCAG 2 defines it."""
    def luminance(colour):
        parts = (int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5))
        linear = (part / 12.92 if part <= 0.04045
                  else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return sum(weight * part for weight, part in zip(
            (0.2126, 0.7152, 0.0722), linear))
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# Every text on every ground it is on; lines around what can be filled in, and
# marks of states, need less.
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_all_colours_have_contrast(is_dark):
    of = colours(is_dark)
    pairs = [*itertools.product(TEXTS, GROUNDS), *WASHES.items(),
             *(("soft", wash) for wash in WASHES.values()),
             *(("ink", wash) for wash in WASHES.values())]
    low = {pair: contrast(of[pair[0]], of[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}
    for mark, ground in itertools.product(("gone", "fine", "accent"), GROUNDS):
        assert contrast(of[mark], of[ground]) >= 3, (mark, ground)


# Who reads a row must not lose it because a number elsewhere has grown.
def test_an_update_moves_nothing(browser):
    with Fixture() as fixture:
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length > 5"
                     " && document.getElementById('link').dataset.link"
                     " === 'live' && document.querySelector("
                     "'.gauge path.line').hasAttribute('d')")
        # What has been drawn is not yet painted: it may move now.
        browser.run("void requestAnimationFrame(() => requestAnimationFrame("
                    "() => { window.isPainted = true; }))")
        browser.wait("window.isPainted === true")
        browser.run("""void (window.shifts = [], new PerformanceObserver(list =>
            list.getEntries().forEach(e => e.sources.forEach(({node}) => {
                const near = node?.closest ? node : node?.parentElement;
                if (!near?.closest('#grid, #side, #chips, #spectrum')) {
                    shifts.push(near?.outerHTML.slice(0, 100) ?? 'gone');
                }
            }))).observe({type: 'layout-shift'}))""")
        fixture.queues["s1/queue-1"].update(unread=1234567)
        fixture.stored += 9000000
        fixture.outlets["crm"].update(lag_messages=1234567, lag_seconds=1e6,
                                      is_caught_up=False)
        fixture.send("outlet", fixture.outlets["crm"])
        fixture.change("s1/queue-1", cause=None)
        for number in range(2, 6):
            fixture.change(f"s1/queue-{number}", health="failing",
                           state="BACKOFF", cause="connect: refused")
        browser.wait("document.getElementById('verdict').innerText"
                     ".startsWith('4 of 200')")
        browser.wait("document.querySelector('#grid').innerText"
                     ".includes('1,234,567')")
        # Rows and cards change their places as they are sorted, and new states
        # have buttons; what is around these stays.
        assert browser.run("shifts") == []
        browser.check_clean()


# Nothing moves by itself, whether somebody has asked for that or not.
def test_nothing_is_animated(browser):
    with Fixture() as fixture:
        browser.open(fixture.url + "#queue/s1/queue-1")
        browser.wait("document.querySelector('#story .history li') !== null")
        fixture.change("s1/queue-1", health="failing", cause="refused")
        browser.wait("document.querySelector('.queue [data-health=failing]')")
        assert browser.run("document.getAnimations().length") == 0
        browser.check_clean()


# Windows draws with few colours of its own: marks must keep theirs.
def test_states_are_told_apart_with_forced_colours(browser):
    with Fixture() as fixture:
        fixture.queues["s1/queue-1"].update(health="refused", since=stamp())
        browser.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "forced-colors", "value": "active"}])
        browser.open(fixture.url)
        browser.wait("document.querySelector('.queue [data-health=stuck]')")
        colour = ("getComputedStyle(document.querySelector("
                  "'.queue [data-health={}] .mark')).backgroundColor")
        assert browser.run(colour.format("stuck")) != browser.run(
            colour.format("fine"))
        browser.check_clean()


# Large type, or a window on half a screen: 320 pixels are enough.
def test_the_page_fits_when_it_is_magnified_four_times(browser):
    with Fixture() as fixture:
        browser.resize(320, 256)
        browser.open(fixture.url + "#outlet/crm")
        browser.wait("document.querySelector('#story .history li') !== null")
        wide = "document.documentElement.scrollWidth"
        assert browser.run(wide) <= 320
        browser.press("Escape")
        browser.wait("document.getElementById('story').hidden")
        assert browser.run(wide) <= 320
        browser.check_clean()
