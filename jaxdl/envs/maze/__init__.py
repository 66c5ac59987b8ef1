"""Random mazes that are seen in first person: their walls as bits, their ways, their camera."""
