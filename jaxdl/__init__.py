"""The lecture, executable: deep-learning research systems in JAX."""

import os

# Arrays that a learner closes over are handed to its programs as arguments. Otherwise a data set
# would be written into each compiled program, and so into the compilation cache. JAX reads this
# variable when it is imported.
os.environ.setdefault("JAX_USE_SIMPLIFIED_JAXPR_CONSTANTS", "1")
