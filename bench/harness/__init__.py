"""The parts of the benchmark; bench/run.py and bench/scale.py put them
together."""
