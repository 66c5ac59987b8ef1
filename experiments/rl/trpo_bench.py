"""TRPO on a small world, the whole training as one program, beside PPO with as many steps."""

from experiments._timing import measure
from experiments.rl.ppo_bench import ENVS, EPISODES, LEARNING_RATE, MAX_NORM, UNROLL, candidate_of
from jaxdl.envs import make
from jaxdl.nn import actor_critic, fast_dense
from jaxdl.ops import make_optimizer
from jaxdl.rl import ppo, trpo

REGIONS = {  # share of the steps that Fisher products are means over
    "jaxdl": (0.1, "Fisher products over 2 of 16 parts, as Schulman et al. 2015 take a tenth"),
    "jaxdl (whole Fisher)": (1.0, "Fisher products over all steps"),
}


def trpo_cartpole(peers: bool) -> list[dict]:
    """CartPole-v1's task; no other project trains TRPO on the device, so PPO stands beside it.

    Both have MLPs of 64-64 tanh units for actor and critic apart, 4 epochs of 4 minibatches (TRPO's
    for the value alone), discount 0.99, lambda 0.95. `mean_return` is of fresh episodes after
    training, actions sampled.
    """
    del peers
    env = make("cartpole")
    net = actor_critic(env.obs_space, env.action_space, affine=fast_dense)
    tx = make_optimizer(learning_rate=LEARNING_RATE, steps=1, max_norm=MAX_NORM, flat=True)
    sizes = {"num_envs": ENVS, "unroll": UNROLL, "microbatches": 4}
    scored = {"eval_envs": 1, "eval_sampled": EPISODES}
    candidates = {
        who: candidate_of(trpo(env, net, tx, fisher_share=share, **sizes, **scored), note)
        for who, (share, note) in REGIONS.items()
    }
    other = ppo(env, net, tx, entropy_coef=0.01, **sizes, **scored)
    candidates["jaxdl (PPO)"] = candidate_of(other, "the same steps, net and optimizer")
    return measure("trpo_cartpole", candidates, repeats=7)


CASES = {"trpo_cartpole": trpo_cartpole}
