"""A second process on the inbox, a truncated file, a restored copy and servers
that move, with readers that come and go: each once. `make torture` has many
rounds."""
import test_crash  # noqa: F401  it says where the next one is
import mishaps

SEED = 1


# Operators make mistakes, and must not pay for them with messages.
def test_each_mishap_once():
    mishaps.run(SEED, 4, print)
