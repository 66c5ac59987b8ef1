"""What `./run bench` times, one file a system."""
