"""Science: launch files, claims and benchmarks."""
