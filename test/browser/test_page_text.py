"""Everything from the API is untrusted text."""
from browser import Browser
from fixture import Fixture, make_outlet, make_queue, stamp

MARKUP = ("<img src=x onerror=\"document.title='owned'\">"
          "<script>document.title='owned'</script>'\"&amp;")


def hostile_world(fixture):
    name = MARKUP.replace("/", "|")
    queue = make_queue("s1", name)
    queue.update(health="failing", state=MARKUP, state_text=MARKUP,
                 cause=MARKUP, error=MARKUP, next=MARKUP, inbox=MARKUP,
                 pause={"at": stamp(), "by": MARKUP, "reason": MARKUP})
    fixture.queues[queue["name"]] = queue
    fixture.servers["s1"].update(name=MARKUP, health="failing", cause=MARKUP)
    fixture.outlets["x"] = make_outlet(
        "x", MARKUP, state=MARKUP, cause=MARKUP, health="failing",
        dead_letters_total=1)
    fixture.outlets["x"]["name"] = "x"
    fixture.inboxes[0].update(name=MARKUP, state=MARKUP, cause=MARKUP,
                              health="failing")
    fixture.letters = [{
        "arrival": 1, "outlet": "x", "server": "s1", "queue": name,
        "refused_at": stamp(), "attempts": 1, "reason": MARKUP}]
    fixture.lanes = [{"server": "s1", "queue": name, "state": "blocked",
                      "cause": MARKUP, "arrival": 1, "since": stamp()}]
    fixture.transitions = [{
        "at": stamp(), "from": MARKUP, "to": MARKUP, "error": MARKUP,
        "cause": MARKUP, "failures": 3, "next_seconds": 1.5}]
    return name


def check_harmless(browser):
    assert browser.run("document.title") != "owned"
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("document.querySelectorAll('script').length") == 1
    browser.check_clean()


# An error page, the name of a queue or a reason may hold anything. The page's
# policy would stop a script, but markup must not even get that far.
def test_markup_in_any_field_is_shown_as_text(browser):
    with Fixture(queues=5) as fixture:
        name = hostile_world(fixture)
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length === 6")
        assert MARKUP in browser.text(".queue .cause")
        browser.run("void (location.hash = '#queue/s1/' +"
                    " encodeURIComponent(arguments[0]))", name)
        browser.wait("document.querySelector('#story .history li') !== null")
        assert MARKUP in browser.text("#story .box")
        check_harmless(browser)
        browser.run("void (location.hash = '#outlet/x')")
        browser.wait("document.querySelector('#story .letters li') !== null")
        assert MARKUP in browser.text("#story .letters")
        check_harmless(browser)


# If somebody adds innerHTML one day, the browser refuses it.
def test_the_policy_of_the_page_allows_no_markup_from_strings(browser):
    with Fixture(queues=1) as fixture:
        browser.open(fixture.url)
        browser.wait("document.querySelectorAll('.queue').length === 1")
        refused = browser.run(
            "(() => { try { document.body.innerHTML = '<b>x</b>'; }"
            " catch (error) { return error.name; } })()")
        assert refused == "TypeError"
        browser.check_clean("TrustedHTML", "Trusted Type")


# Long names and texts must not push anything out of the window.
def test_long_texts_do_not_widen_the_page():
    long = "an-exceedingly-long-name-without-any-space" * 3
    with Fixture(queues=3) as fixture, Browser() as browser:
        queue = make_queue("s1", long)
        queue.update(health="failing", cause=long * 20)
        fixture.queues[queue["name"]] = queue
        fixture.outlets[long] = make_outlet(long, "webhook", cause=long * 20,
                                            health="failing")
        for width in (320, 390, 1024, 1440, 2560):
            browser.resize(width, 800)
            browser.open(fixture.url)
            browser.wait("document.querySelectorAll('.queue').length === 4")
            wide = "document.documentElement.scrollWidth"
            assert browser.run(wide) <= width
            browser.open(f"{fixture.url}#queue/s1/{long}")
            browser.wait("document.querySelector('#story .history li') !== null")
            assert browser.run(wide) <= width
