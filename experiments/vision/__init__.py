"""Vision: launch files, claims and benchmarks."""
