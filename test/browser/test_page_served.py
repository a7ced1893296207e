"""The files of the page, as the admin socket serves them."""
import pytest

from admin_client import admin_of
from fixture import POLICY, WEB
from sim import Sim


@pytest.fixture
def admin(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.start()
        yield admin_of(poll)


# All of them, exactly as they are in web/, and typed as a browser that does
# not guess needs it.
def test_each_file_is_served_with_its_type(admin):
    types = {"html": "text/html; charset=utf-8", "svg": "image/svg+xml",
             "css": "text/css; charset=utf-8",
             "js": "text/javascript; charset=utf-8"}
    for file in WEB.glob("*.*"):
        if file.name == "README.md":
            continue
        reply = admin.ask("GET", f"/{file.name}")
        assert reply.status == 200, file
        assert reply.body == file.read_bytes(), file
        assert reply.headers["Content-Type"] == types[file.suffix[1:]]
    assert admin.ask("GET", "/").body == (WEB / "index.html").read_bytes()


# The second line of defence of the page.
def test_the_page_is_confined_by_its_headers(admin):
    headers = admin.ask("GET", "/").headers
    assert headers.get_all("Content-Security-Policy") == [POLICY]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"


# After an upgrade, no browser may mix files of two versions; until then, it
# need not load them again.
def test_a_browser_asks_whether_its_copy_is_still_the_same(admin):
    first = admin.ask("GET", "/main.js")
    assert first.headers.get_all("Cache-Control") == ["no-cache"]
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = admin.ask("GET", "/main.js", headers={"If-None-Match": known})
        assert again.status == 304
        assert again.body == b""
        assert again.headers["ETag"] == tag
    other = admin.ask("GET", "/main.js", headers={"If-None-Match": '"other"'})
    assert other.status == 200


# The path of a request is a name in a table, and no path of a file.
@pytest.mark.parametrize("path", [
    "/README.md", "/../Makefile", "/%2e%2e%2fMakefile", "/main.js/",
    "/MAIN.JS", "/etc/passwd", "//", "/" + "x" * 3000])
def test_nothing_else_is_served(admin, path):
    assert admin.ask("GET", path).status == 404


# Nothing of it can be changed.
def test_the_page_can_only_be_read(admin):
    assert admin.ask("POST", "/").status == 405
    assert admin.ask("DELETE", "/main.js").status == 405
