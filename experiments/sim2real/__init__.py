"""From simulation to reality: launch files, claims and benchmarks."""
