"""The parts from which bench/run.py and bench/scale.py assemble the
benchmarks."""
