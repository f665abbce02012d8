"""Figures, not tests: each is a ratio to a reference measured in the same run, because machines
are noisy. `make bench` runs them all; `python -m tests.benchmarks decide import` some."""
