"""The models hold, as far as some seconds go; `make model` goes further."""
import subprocess
import sys

from poll import BUILD, ROOT


# What spin finds is a way to lose a message, to store it twice, or to stop for
# good.
def test_the_models_hold():
    done = subprocess.run([sys.executable, ROOT / "test/model/run.py",
                           "--short", "--build", BUILD],
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
