"""jaxdl: the lecture, executable."""
