"""Benchmarks, oracle, pass@k, reports and the command line."""
