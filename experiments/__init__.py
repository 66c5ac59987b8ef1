"""One launch file per system, and what measures them all: claims, bench, tour."""
