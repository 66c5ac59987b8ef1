"""What `./run sweep` is made of: the grid, the statistics, the report."""
