"""Builds self-invoking benchmarks: a harder problem for each task of a benchmark, whose solution calls the task's own."""
