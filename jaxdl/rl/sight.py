"""The pieces of learners from pictures: how their worlds are observed, their nets, and exports."""

from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxdl.core.run import Run
from jaxdl.deploy import Deployment
from jaxdl.envs import Env, make
from jaxdl.envs.repeat import repeat_actions
from jaxdl.envs.spaces import Box, abstract
from jaxdl.launch.options import OffPolicy, Optimizer
from jaxdl.nn import squashed_actor, stacked_critics, unit_to_env
from jaxdl.nn.pixel_encoder import pixel_encoder, state_encoder
from jaxdl.render.seen import has_camera, seen, usual_repeat
from jaxdl.rl import setup
from jaxdl.rl.continuous import Nets, check_actions
from jaxdl.rl.crops import cropped_space
from jaxdl.rl.curl import PixelNets, Views, crop_views, judge, policy_of, whole_views
from jaxdl.rl.frames import Frames, push_frame, read_frames, stacked_space, start_frames


class Sight(NamedTuple):
    """How a world is observed.

    Attributes:
      env: its observations are single frames, or the world's own numbers.
      frames: how frames become stacks.
      views: how stacks become what the encoder reads.
      space: of what the encoder reads.
      side: of the crops, pixels; 0 where there are no pictures.
      repeat: steps of the named world in a step of the env.
    """

    env: Env
    frames: Frames
    views: Views
    space: Any
    side: int
    repeat: int


def make_sight(
    name: str,
    *,
    picture: int,
    side: int,
    stack: int = 3,
    action_repeat: int = 0,
    random_crops: bool = True,
    states: bool = False,
) -> Sight:
    """Makes a world's pictures and their crops.

    Worlds without a camera are always observed by their numbers.

    Args:
      name: of the world.
      picture: side of the camera's pictures, pixels.
      side: of the crops, pixels.
      stack: frames that are read at once.
      action_repeat: steps of an action; 0 is what CURL has for the task.
      random_crops: in training; otherwise the middle is always read.
      states: observe the world's numbers, one step at a time.

    Raises:
      BadInput: the name or a setting is unknown, or crops are larger than the pictures.
    """
    repeat = action_repeat or usual_repeat(name)
    if states or not has_camera(name):
        env = repeat_actions(make(name), repeat)
        return Sight(env, Frames(1), whole_views(), env.obs_space, 0, repeat)
    env = seen(name, side=picture, action_repeat=repeat)
    space = cropped_space(stacked_space(env.obs_space, stack), side)
    views = crop_views(side, random=random_crops)
    return Sight(env, Frames(stack, "copies"), views, space, side, repeat)


class Settings(Protocol):
    """The options of the nets, and of how they are trained."""

    run: Run
    optimizer: Optimizer
    replay: OffPolicy
    channels: int
    convolutions: int
    latent: int
    hidden: tuple[int, ...]
    alpha_rate: float


def make_nets(sight: Sight, config: Settings) -> PixelNets:
    """Builds encoder, actor and two critics, and their optimizers.

    Args:
      sight: how the world is observed; numbers need no encoder.
      config: the options.

    Raises:
      BadInput: the world's actions are not real or not bounded.
    """
    size = check_actions(sight.env)
    encoder = state_encoder(sight.space)
    if sight.side:
        encoder = pixel_encoder(
            sight.space,
            channels=config.channels,
            num_layers=config.convolutions,
            size=config.latent,
        )
    codes = Box((encoder.size,))
    steps = config.run.horizon * config.replay.updates
    tx = setup.make_tx(config.optimizer, steps=steps)
    slower = config.optimizer.learning_rate * config.alpha_rate
    alpha_options = replace(config.optimizer, learning_rate=slower)
    alpha_tx = setup.make_tx(alpha_options, steps=steps, b1=0.5)  # table 3 of CURL
    actor = squashed_actor(codes, size, hidden=config.hidden)
    critics = stacked_critics(codes, size, hidden=config.hidden)
    return PixelNets(encoder, Nets(actor, critics, tx, tx), contrast_tx=tx, alpha_tx=alpha_tx)


def deployment(nets: PixelNets, sight: Sight, *, text: str) -> Deployment:
    """Describes a policy and its critics for `./run export` and `./run watch`.

    Args:
      nets: encoder, actor and critics.
      sight: how the world is observed.
      text: what the policy is for.

    Returns:
      A Deployment with the input `obs`, a single frame, and for stacks `first` and `carry`; with
      the outputs `action`, `value`, `mean`, `log_std` and the next `carry`.
    """
    env, (stack, before) = sight.env, sight.frames
    to_env = unit_to_env(env.action_space)
    inputs: dict[str, Any] = {"obs": abstract(env.obs_space)}
    if stack > 1:
        frames = jax.eval_shape(lambda: start_frames(env.obs_space, 1, stack))
        carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), frames)
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(params, inputs):
        obs = inputs["obs"]
        carry = push_frame(inputs["carry"], obs, inputs["first"], before) if stack > 1 else ()
        shown = sight.views.fixed(read_frames(carry, obs))
        features = nets.encoder.features(params["encoder"], shown)
        policy = policy_of(nets, params["actor"], features)
        unit = jnp.tanh(policy.mean)
        value = jnp.mean(judge(nets, params["encoder"], params["critics"], features, unit), axis=0)
        outputs = {"action": to_env(unit), "value": value} | policy._asdict()
        return outputs | ({"carry": carry} if stack > 1 else {})

    def weights(state):
        return {name: getattr(state.params, name) for name in ("encoder", "actor", "critics")}

    return Deployment(text + _TEXT + (_FRAMES if stack > 1 else ""), weights, apply, inputs)


_TEXT = """

`action` is the one that is taken without exploring, as the world takes it; `value` is the
discounted return that the critics expect of it, their mean. `mean` and `log_std` are the parameters
of the normal distribution of what tanh then squashes to the bounds."""
_FRAMES = """

`carry` holds the last frames, the newest last: hand back what comes out. Set `first` where an
episode begins, and copies of `obs` take their place, so that zeros will do for the first."""
