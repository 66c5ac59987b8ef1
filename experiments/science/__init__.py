"""Learning to learn: launch files, claims and benchmarks."""
