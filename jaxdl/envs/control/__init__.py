"""Tasks of dm_control as worlds of our own on MuJoCo's physics in JAX (MJX)."""
