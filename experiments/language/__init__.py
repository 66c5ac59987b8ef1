"""Language: launch files, claims and benchmarks."""
