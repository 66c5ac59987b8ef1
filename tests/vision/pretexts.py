"""What the tests of pretext tasks share: tiny nets, and a short training on toys."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.nn.convnet import Conv3x3

KEY = jax.random.key(0)


def make_noise(seed, shape):
    """Images without content."""
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def train_on(learner, make_images, *, steps, batch_size=128, seed=0):
    """Trains on fresh toys in one program; returns the mean accuracy of the last tenth."""

    def body(state, step):
        image_key, key = jax.random.split(jax.random.fold_in(jax.random.key(seed), step))
        state, metrics = learner.step(key, state, make_images(image_key, batch_size))
        return state, metrics["accuracy"]

    def run(state):
        return jax.lax.scan(body, state, jnp.arange(steps))[1]

    accuracies = jax.jit(run)(learner.init(KEY))
    return float(jnp.mean(accuracies[-steps // 10 :]))


def adam(rate=3e-3):
    return optax.adam(rate)


class Detector(nn.Module):
    """A trunk that looks for patterns of 3 x 3 pixels anywhere in an image."""

    @nn.compact
    def __call__(self, x, train: bool):
        return jnp.mean(nn.relu(Conv3x3(32)(x)), axis=(1, 2))
