"""What docs/embedding.md tells authors to write: its C is that of the example,
which is tested by itself, and its SQL holds what the page says of it."""
import re

from doc_snippets import snippets_of
from sim import ROOT

SNIPPETS = snippets_of("embedding.md")
PAGE = (ROOT / "docs" / "embedding.md").read_text()
HEADER = (ROOT / "include" / "haplopoll.h").read_text()


def squeezed(text):
    return " ".join(text.split())


def test_its_c_is_that_of_the_example():
    source = squeezed((ROOT / "examples" / "own_database.c").read_text())
    assert squeezed(SNIPPETS["deliver"]) in source


# Names that the header does not have would send readers astray.
def test_it_names_what_exists():
    names = set(re.findall(r"\bhaplo_\w+(?=\()|\bHAPLO_\w+\b", PAGE))
    assert len(names) > 25
    for name in names:
        word = name.replace("HAPLO_E", "X(E") if name.startswith(
            "HAPLO_E") else name
        assert re.search(rf"{re.escape(word)}\b", HEADER), name


def statements():
    """The tables; then what is executed once, and for each batch, as functions
    of SQL text."""
    once, each = SNIPPETS["batch"].split("-- deliver_cb")
    each = re.sub(r"--.*", "", "-- deliver_cb" + each)

    def filled(text, queue, body="", state=""):
        values = {"$1": f"'{queue}'", "$2": f"'{body}'", "$3": f"'{state}'"}
        for name, value in values.items():
            text = text.replace(name, value)
        return [part for part in text.split(";") if part.strip()]
    return SNIPPETS["tables"], re.sub(r"--.*", "", once), each, filled


# Two processes cannot both compare the same state and store: the second one
# waits for the first, also for a queue that has never been stored.
def test_its_sql_lets_one_process_store_at_a_time(postgres):
    tables, once, each, filled = statements()
    postgres.sql("CREATE SCHEMA IF NOT EXISTS own", *[
        f"SET search_path = own; {part}" for part in filled(tables, "")])
    path = "SET search_path = own"
    postgres.sql(path, *filled(once, "q1"), *filled(once, "q1"))
    assert postgres.sql(path, "SELECT * FROM haplo_states") == [("q1", r"\x")]
    begin, select, insert, update, commit = filled(each, "q1", "body", "state")
    assert begin.strip() == "BEGIN" and commit.strip() == "COMMIT"
    with postgres.holding(path, select, insert):
        try:
            postgres.sql(path, "SET lock_timeout = '200ms'", begin, select)
            assert False, "both have compared the same state"
        except RuntimeError as error:
            assert "lock timeout" in str(error)
    # The first one was killed before its commit: nothing of it is left.
    assert postgres.sql(path, "SELECT * FROM haplo_messages") == []
    postgres.sql(path, begin, select, insert, insert, update, commit)
    assert postgres.sql(path, select) == [(r"\x7374617465",)]
    assert len(postgres.sql(path, "SELECT * FROM haplo_messages")) == 2
