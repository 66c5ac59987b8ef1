"""Learning to learn: agents that learn within their memory, and exact yardsticks for them."""

from jaxdl.meta import bayes
from jaxdl.meta.rl2 import bandit_evaluation, bandit_score, most_likely, rl2, trial

__all__ = ["bandit_evaluation", "bandit_score", "bayes", "most_likely", "rl2", "trial"]
