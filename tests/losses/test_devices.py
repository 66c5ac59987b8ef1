"""Gradients do not depend on how many devices the batch is split over.

Gradients and not updated parameters: Adam divides by their size, so it hides a wrong factor.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl import losses
from jaxdl.core.mesh import AXIS, make_mesh
from jaxdl.nn.distributions import Gaussian, categorical, gaussian, tanh_gaussian

TIME, ENVS, FEATURES, ACTIONS = 6, 16, 5, 3
VIEWS = 24  # of a contrastive batch
DISTRIBUTIONS = {
    "categorical": categorical(ACTIONS),
    "gaussian": gaussian(ACTIONS),
    "tanh_gaussian": tanh_gaussian(ACTIONS, -2.0, 2.0),
}


class Steps(NamedTuple):
    """What a policy's losses are computed from, [T, E, ...]."""

    obs: jax.Array
    action: jax.Array
    adv: jax.Array
    old_values: jax.Array
    targets: jax.Array


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def contrastive_inputs():
    params = {"weights": draw(0, FEATURES, 4), "log_temperature": jnp.log(0.3)}
    return params, (draw(1, VIEWS, FEATURES), draw(2, VIEWS, FEATURES))


def contrastive(params, batch, *, chunk):
    z1, z2 = (view @ params["weights"] for view in batch)
    return losses.ntxent(z1, z2, temperature=jnp.exp(params["log_temperature"]), chunk=chunk)


def compared(params, batch, *, loss, mining):
    z1, z2 = (view @ params["weights"] for view in batch)
    if loss == "nt_logistic":
        temperature = jnp.exp(params["log_temperature"])
        return losses.nt_logistic(z1, z2, temperature=temperature, mining=mining)
    return losses.margin_triplet(z1, z2, margin=0.4, mining=mining)


def queued(params, batch):
    query, key = (view @ params["weights"] for view in batch)
    queue = draw(3, 40, FEATURES) @ params["weights"]
    return losses.info_nce(query, key, queue, temperature=jnp.exp(params["log_temperature"]))


def bilinear(params, batch):
    query, key = (view @ params["weights"] for view in batch)
    return losses.bilinear_nce(
        query, key, params["weights"][:4] / jnp.exp(params["log_temperature"])
    )


def classified(params, batch):
    logits, others = (view @ params["weights"] for view in batch)
    soft = losses.softmax_cross_entropy(logits, jax.nn.softmax(others), label_smoothing=0.1)
    return soft + losses.softmax_cross_entropy(logits, jnp.argmax(others, axis=1))


def words(params, batch, *, loss):
    """Losses of a vocabulary of as many words as there are weights, in five chunks of rows."""
    hidden = jnp.tanh(batch[0])
    table, targets = params["weights"].T, jnp.argmax(batch[1] @ params["weights"], axis=1)
    rows = {"chunk": 5}
    if loss == "rows":
        return jnp.mean(losses.cross_entropy(hidden, table, targets, **rows) * hidden[:, 0] ** 2)
    if loss == "mean":
        return losses.mean_cross_entropy(hidden, table, targets, batch[1][:, 0] > 0, **rows)
    if loss == "next sentence":
        return losses.next_sentence_loss(hidden @ params["weights"][:, :2], targets % 2)
    places = jnp.stack([targets, jnp.zeros_like(targets)], axis=1)
    taken = losses.take_positions(jnp.stack([hidden] * 4, axis=1), places)
    pairs = jnp.stack([targets] * 2, axis=1)
    bias = jnp.full(4, params["log_temperature"])
    return losses.masked_lm_loss(taken, table, bias, pairs, jnp.float32(places > 0), **rows)


def rebuilt(params, batch):
    """Each image is one patch of four pixels, of which some are masked."""
    painted, image = (view[:, None, :4] for view in batch)
    painted = jnp.tanh(painted) * params["weights"][0]
    return losses.masked_patch_loss(painted, losses.normalize_patches(image), image[..., 0] > 0)


def played(params, batch, *, form):
    """Both players' losses of linear pictures, of which each is one logit."""
    real, made = (view @ params["weights"] for view in batch)
    told = losses.discriminator_loss(real, made, form=form)
    return told + jnp.exp(params["log_temperature"]) * losses.generator_loss(made, form=form)


def repainted(params, batch):
    """Each image is of four pixels, of which some are masked."""
    x, y = ((view @ params["weights"])[:, None, :, None] for view in batch)
    return losses.pairwise_squared_error(
        x, jnp.tanh(y), jnp.float32(batch[0][:, None, :4, None] > 0)
    )


def policy_inputs(kind):
    params = {"policy": draw(0, FEATURES, ACTIONS), "log_std": 0.3 * draw(1, ACTIONS)}
    params |= {"value": draw(2, FEATURES)}
    action = draw(4, TIME, ENVS, ACTIONS)
    action = jnp.argmax(action, -1) if kind == "categorical" else action
    rest = (draw(seed, TIME, ENVS) for seed in (5, 6, 7))
    return params, Steps(draw(3, TIME, ENVS, FEATURES), action, *rest)


def policy_of(params, obs, kind):
    mean = obs @ params["policy"]
    if kind == "categorical":
        return mean
    return Gaussian(mean, params["log_std"] + 0.1 * jnp.tanh(mean))


def from_policy(params, batch, *, kind, objective):
    """A loss of (logp, old logp, advantages, divergence, entropy), each [T, E]."""
    old = jax.tree.map(lambda x: 0.9 * x, policy_inputs(kind)[0])
    family = DISTRIBUTIONS[kind]
    policy, before = policy_of(params, batch.obs, kind), policy_of(old, batch.obs, kind)
    logp, old_logp = family.logp(policy, batch.action), family.logp(before, batch.action)
    return objective(logp, old_logp, batch.adv, family.kl(before, policy), family.entropy(policy))


def adapted(logp, old_logp, adv, kl, entropy):
    beta = losses.adapted_kl_coef(jnp.float32(0.7), jnp.mean(kl), target_kl=0.01)
    return losses.penalized_surrogate(logp, old_logp, adv, kl, kl_coef=beta)


OBJECTIVES = {
    "surrogate": lambda logp, old, adv, kl, entropy: losses.surrogate(logp, old, adv),
    "clipped_surrogate": lambda logp, old, adv, kl, entropy: losses.clipped_surrogate(
        logp, old, adv
    ),
    "likelihood_surrogate": lambda logp, old, adv, kl, entropy: losses.likelihood_surrogate(
        logp, adv
    ),
    "loaded_dice": lambda logp, old, adv, kl, entropy: losses.loaded_dice(
        logp, old, adv, decay=0.5
    ),
    "penalized_surrogate": lambda logp, old, adv, kl, entropy: losses.penalized_surrogate(
        logp, old, adv, kl, kl_coef=0.7
    ),
    "adapted_kl_coef": adapted,
    "approximate_kl": lambda logp, old, adv, kl, entropy: losses.approximate_kl(logp, old),
    "entropy": lambda logp, old, adv, kl, entropy: jnp.mean(entropy),
}


def value(params, batch):
    return losses.value_loss(batch.obs @ params["value"], batch.targets)


def clipped_value(params, batch):
    values = batch.obs @ params["value"]
    return losses.clipped_value_loss(values, batch.old_values, batch.targets, clip=0.5)


def action_values(params, batch, *, errors):
    """Huber losses of the errors of linear action values, each step's worlds a batch."""
    q_tm1, q_t = batch.obs @ params["policy"], jnp.tanh(batch.obs) @ params["policy"]
    discount = 0.9 * jnp.ones_like(batch.adv)
    error = jax.vmap(errors)(q_tm1, jnp.argmax(batch.action, -1), batch.adv, discount, q_t)
    return jnp.mean(losses.huber(error))


def double(*args):
    return losses.double_q_learning(*args, jnp.sin(args[-1]))


def critics(params, batch, *, loss):
    """A loss of K critics' values [K, B] or logits [K, B, N], B the worlds in a row of time."""
    rows = jax.tree.map(lambda x: x[0], batch)
    reward, weight = rows.targets, jnp.abs(rows.adv)
    outputs = jnp.stack([rows.obs @ params["policy"], rows.obs @ params["policy"] ** 2])
    if loss == "distributions":
        support = np.linspace(-1.0, 1.0, ACTIONS, dtype=np.float32)
        probs = jax.nn.softmax(outputs[0])
        target = losses.project(support, probs, reward, jnp.full(ENVS, 0.9))
        return losses.categorical_td_loss(outputs, target, weight)
    values, next_values = outputs[..., 0], outputs[..., 1]
    if loss == "policy":
        return losses.soft_policy_loss(rows.adv, values, jnp.float32(0.3))
    target = losses.pessimistic_target(reward, weight, next_values)
    return losses.squared_td_loss(values, target, weight)[0]


def temperature(params, batch):
    logp = batch.obs[0] @ params["value"]
    return losses.temperature_loss(params["log_std"][0], logp, -3.0)


# group -> losses of (params, batch) by name, their arguments, and how the batch is split
GROUPS = {
    kind: (
        {n: partial(from_policy, kind=kind, objective=f) for n, f in OBJECTIVES.items()},
        policy_inputs(kind), P(None, AXIS),
    )
    for kind in DISTRIBUTIONS
}  # fmt: skip
GROUPS["ntxent"] = (
    {f"ntxent, chunk {n}": partial(contrastive, chunk=n) for n in (None, 1, 7, 16, 48)}
    | {"info_nce": queued, "bilinear_nce": bilinear}
    | {
        f"{loss}, {mining}": partial(compared, loss=loss, mining=mining)
        for loss in ("nt_logistic", "margin_triplet")
        for mining in ("all", "semi-hard")
    },
    contrastive_inputs(),
    P(AXIS),
)
GROUPS["images"] = (
    {
        "softmax_cross_entropy": classified,
        "masked_patch_loss": rebuilt,
        "normalize_patches": rebuilt,
    },
    contrastive_inputs(),
    P(AXIS),
)
GROUPS["adversarial"] = (
    {
        "discriminator_loss": partial(played, form="logistic"),
        "generator_loss": partial(played, form="least_squares"),
        "pairwise_squared_error": repainted,
    },
    contrastive_inputs(),
    P(AXIS),
)
GROUPS["language"] = (
    {
        "cross_entropy": partial(words, loss="rows"),
        "mean_cross_entropy": partial(words, loss="mean"),
        "masked_lm_loss": partial(words, loss="masked"),
        "take_positions": partial(words, loss="masked"),
        "next_sentence_loss": partial(words, loss="next sentence"),
    },
    contrastive_inputs(),
    P(AXIS),
)
GROUPS["values"] = (
    {"value_loss": value, "clipped_value_loss": clipped_value},
    policy_inputs("gaussian"),
    P(None, AXIS),
)
GROUPS["action values"] = (
    {
        "q_learning": partial(action_values, errors=losses.q_learning),
        "double_q_learning": partial(action_values, errors=double),
        "huber": partial(action_values, errors=losses.q_learning),
    },
    policy_inputs("gaussian"),
    P(None, AXIS),
)
GROUPS["control"] = (
    {
        "squared_td_loss": partial(critics, loss="values"),
        "pessimistic_target": partial(critics, loss="values"),
        "categorical_td_loss": partial(critics, loss="distributions"),
        "project": partial(critics, loss="distributions"),
        "soft_policy_loss": partial(critics, loss="policy"),
        "temperature_loss": temperature,
    },
    policy_inputs("gaussian"),
    P(None, AXIS),
)


def assert_same_gradients(ours, theirs, name=""):
    """To 1e-5 of the largest entry of each array."""
    leaves = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert max(np.abs(x).max() for x in leaves[1]) > 1e-3
    for left, right in zip(*leaves, strict=True):
        atol = 1e-5 * np.abs(right).max()
        np.testing.assert_allclose(left, right, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("group", GROUPS)
def test_gradients_are_those_of_one_device(group):
    named, (params, batch), spec = GROUPS[group]

    @jax.jit
    def all_gradients(params, batch):
        return {n: jax.grad(f, (0, 1), allow_int=True)(params, batch) for n, f in named.items()}

    found = {}
    for devices in (1, 4, 8):
        mesh = make_mesh(devices)
        split = jax.device_put(batch, NamedSharding(mesh, spec))
        assert all(len(x.addressable_shards) == devices for x in jax.tree.leaves(split))
        assert all(x.sharding.is_fully_replicated == (devices == 1) for x in jax.tree.leaves(split))
        copied = jax.device_put(params, NamedSharding(mesh, P()))
        program = all_gradients.lower(copied, split).compile()
        assert ("all-reduce" in program.as_text()) == (devices > 1)  # divided, and put together
        found[devices] = jax.device_get(program(copied, split))
    for devices in (4, 8):
        for name in named:
            ours, theirs = (floats(found[n][name]) for n in (devices, 1))
            assert_same_gradients(ours, theirs, f"{name} on {devices} devices")


def floats(tree):
    """What has a gradient: actions that are integers have none."""
    return [x for x in jax.tree.leaves(tree) if x.dtype == np.float32]


def test_every_public_loss_is_among_them():
    names = {name.partition(",")[0] for named, _, _ in GROUPS.values() for name in named}
    assert names == {*losses.__all__, "entropy"}


@pytest.mark.parametrize("devices", [4, 8])
def test_a_gradient_that_is_summed_twice_would_be_found(devices):
    """shard_map has summed the gradient of what is replicated before `pmean` sees it."""
    _, (params, batch), spec = GROUPS["values"]
    mesh = make_mesh(devices)

    def local(params, batch):
        return jax.lax.pmean(jax.grad(value)(params, batch), AXIS)

    split = jax.shard_map(local, mesh=mesh, in_specs=(P(), spec), out_specs=P())
    wrong = jax.device_get(jax.jit(split)(params, batch))
    one = jax.device_get(jax.jit(jax.grad(value))(params, batch))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_gradients(wrong, one)
    assert_same_gradients(jax.tree.map(lambda x: x / devices, wrong), one)
