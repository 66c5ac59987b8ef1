"""A drone in random corridors: their boxes, how it flies, what its level camera sees."""
