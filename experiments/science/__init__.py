"""Deep learning for science: launch files, claims and benchmarks."""
