"""The page without a mouse, and as a screen reader finds it."""
from fixture import Fixture, stamp

ACTIVE = "document.activeElement"
NAME = f"{ACTIVE}.dataset.name"


def open_page(browser, fixture):
    browser.open(fixture.url)
    browser.wait("document.querySelectorAll('.queue').length > 5")


def press_until(browser, key, expression, count=60, **options):
    """Presses a key until something is true, at most so many times."""
    for _ in range(count):
        if browser.run(expression):
            return
        browser.press(key, **options)
    raise AssertionError(f"{key} does not lead to {expression}")


# The whole of an operator's work: find the queue, read its story, pause it,
# give the reason, and be back in the list where one was.
def test_a_queue_is_paused_with_the_keyboard_alone(browser):
    with Fixture(queues=40) as fixture:
        open_page(browser, fixture)
        press_until(browser, "Tab", f"{ACTIVE}.matches('.queue')")
        first = browser.run(NAME)
        browser.press("ArrowDown", "ArrowDown")
        name = browser.run(NAME)
        assert name != first
        browser.press("Enter")
        browser.wait(f"{ACTIVE}.id === 'story-title'")
        browser.wait("document.querySelector('#story .history li') !== null")
        press_until(browser, "Tab", f"{ACTIVE}.innerText.startsWith('Pause')")
        browser.press("Enter")
        browser.wait(f"{ACTIVE}.tagName === 'INPUT'")
        browser.type("ticket 4711")
        browser.press("Enter")
        browser.wait("document.querySelector('#story .box').innerText"
                     ".includes('ticket 4711')")
        assert fixture.posts == [
            (f"queues/{name}/pause", {"reason": "ticket 4711"})]
        browser.press("Escape")
        browser.wait(f"{NAME} === arguments[0]", name)
        browser.check_clean()


# A row that jumps away under the fingers because of an update would be paused
# by mistake.
def test_the_focus_stays_on_its_queue_when_the_order_changes(browser):
    with Fixture(queues=60) as fixture:
        open_page(browser, fixture)
        press_until(browser, "Tab", f"{ACTIVE}.matches('.queue')")
        browser.press(*["ArrowDown"] * 4)
        name = browser.run(NAME)
        for number in range(2, 8):
            fixture.change(f"s3/queue-{number}", health="refused",
                           state="REFUSED", cause="403 INVALID-API-KEY")
        browser.wait("document.getElementById('verdict').innerText"
                     ".startsWith('6 of 60')")
        browser.wait("document.querySelectorAll"
                     "('.queue [data-health=stuck]').length === 6")
        assert browser.run(NAME) == name
        browser.check_clean()


# A list of thousands needs more than one step at a time.
def test_home_end_and_page_keys_reach_all_queues(browser):
    with Fixture(queues=500) as fixture:
        open_page(browser, fixture)
        press_until(browser, "Tab", f"{ACTIVE}.matches('.queue')")
        row = f"Number({ACTIVE}.getAttribute('aria-rowindex'))"
        assert browser.run(row) == 2
        browser.press("End")
        assert browser.run(row) == 501
        browser.press("PageUp")
        assert 460 < browser.run(row) < 501
        browser.press("Home")
        assert browser.run(row) == 2
        assert browser.run("document.querySelectorAll('.queue').length") < 100
        browser.check_clean()


# A mouse wheel takes the focused row out of view, but not out of the document.
def test_scrolling_does_not_lose_the_focus(browser):
    with Fixture(queues=500) as fixture:
        open_page(browser, fixture)
        press_until(browser, "Tab", f"{ACTIVE}.matches('.queue')")
        name = browser.run(NAME)
        browser.run("void (document.getElementById('grid').scrollTop = 9000)")
        browser.wait("document.querySelector('.queue:last-child') !== null && "
                     "[...document.querySelectorAll('.queue')].some(e => "
                     "Number(e.getAttribute('aria-rowindex')) > 200)")
        assert browser.run(NAME) == name
        browser.press("ArrowDown")
        assert browser.run(f"Number({ACTIVE}.getAttribute('aria-rowindex'))") == 3
        browser.check_clean()


# What can be operated has a name, and states are told in words.
def test_the_accessibility_tree_has_names(browser):
    with Fixture(queues=30) as fixture:
        fixture.outlets["crm"].update(dead_letters_total=1)
        fixture.letters = [{
            "arrival": 4711, "outlet": "crm", "server": "s1",
            "queue": "queue-1", "refused_at": stamp(), "attempts": 2,
            "reason": "422 Unprocessable Entity"}]
        browser.open(fixture.url + "#queue/s1/queue-1")
        browser.wait("document.querySelector('#story .letters li') !== null")
        fixture.change("s1/queue-1", health="failing", state="BACKOFF",
                       cause="connect: refused")
        browser.wait("document.querySelector('.queue [data-health=failing]')")
        tree = browser.accessibility_tree()
        unnamed = [node for node in tree if node[2] and not node[1]
                   and node[0] not in ("RootWebArea", "row")]
        assert unnamed == []
        names = {(role, name) for role, name, _ in tree}
        assert {("grid", "Queues"), ("columnheader", "State"),
                ("searchbox", "Filter by name or cause"),
                ("combobox", "Filter by server"),
                ("heading", "s1/queue-1"), ("button", "Poll now"),
                ("button", "Replay message 4711 to crm"),
                ("gridcell", "failing"), ("gridcell", "s1/queue-1"),
                ("region", "s1/queue-1"),
                ("image", "Queues by state: 1 failing, 29 ok")} <= names
        roles = [role for role, _, _ in tree]
        assert roles.count("main") == 1
        assert roles.count("heading") >= 6
        browser.check_clean()


# An update every second must not make a screen reader talk without end.
def test_the_live_regions_stay_quiet_while_nothing_changes(browser):
    with Fixture(queues=30) as fixture:
        open_page(browser, fixture)
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        browser.run("""void (window.said = [], document.querySelectorAll(
            '[role=status], [role=alert], [aria-live]').forEach(e =>
            new MutationObserver(() => said.push(e.textContent)).observe(e,
            {childList: true, characterData: true, subtree: true})))""")
        for number in range(20):
            fixture.send("status", fixture.status())
            fixture.send("queue", fixture.queues["s1/queue-1"])
        fixture.change("s1/queue-1", unread=4711)
        browser.wait("document.querySelector('#grid').innerText"
                     ".includes('4,711')")
        assert browser.run("said") == []
        browser.check_clean()
