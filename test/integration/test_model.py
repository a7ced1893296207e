"""The models hold, as far as some seconds go; `make model` goes further."""
import subprocess
import sys

from poll import BUILD, ROOT


def run(*arguments):
    done = subprocess.run([sys.executable, *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert done.returncode == 0, done.stdout


# What it finds is a shortest way to lose a message, or to store it twice.
def test_the_state_contract_holds():
    run(ROOT / "test/model/state_model.py")


# A model that finds nothing wrong with a wrong library shows nothing.
def test_each_fault_in_the_state_contract_is_found():
    run(ROOT / "test/model/state_model.py", "--faults")


# What spin finds is a way to lose a message, to store it twice, or to stop for
# good.
def test_the_models_hold():
    run(ROOT / "test/model/run.py", "--short", "--build", BUILD)
