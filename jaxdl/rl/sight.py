"""The pieces of learners from pictures: how their worlds are observed, their nets, and exports."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.run import Run
from jaxdl.deploy import Deployment
from jaxdl.envs import Env, make
from jaxdl.envs.repeat import repeat_actions
from jaxdl.envs.spaces import Box, Discrete, abstract
from jaxdl.launch.options import OffPolicy, Optimizer
from jaxdl.nn import QNetwork, q_network, squashed_actor, stacked_critics, unit_to_env
from jaxdl.nn.pixel_encoder import Encoder, board_encoder, pixel_encoder, state_encoder
from jaxdl.nn.torsos import is_picture
from jaxdl.render.seen import has_camera, is_game, seen, seen_game, usual_repeat
from jaxdl.rl import setup
from jaxdl.rl.continuous import Nets, check_actions
from jaxdl.rl.crops import Views, crop_views, cropped_space, whole_views
from jaxdl.rl.curl import PixelNets, judge, policy_of
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

    Worlds without a camera are always observed by their numbers. A game's board is drawn as large
    as the crops are, in the middle of the pictures.

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
    if is_game(name):
        env = seen_game(name, side=picture, board=side, action_repeat=repeat)
    else:
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


def make_encoder(sight: Sight, config: Settings) -> Encoder:
    """Builds the encoder of pictures, of boards, or of numbers, which need none."""
    if sight.side:
        return pixel_encoder(
            sight.space,
            channels=config.channels,
            num_layers=config.convolutions,
            size=config.latent,
        )
    is_board = is_picture(sight.space)
    return (
        board_encoder(sight.space, size=config.latent) if is_board else state_encoder(sight.space)
    )


def num_updates(config: Settings) -> int:
    """Returns the gradient steps of a run to its horizon."""
    return config.run.horizon * config.replay.updates


def make_nets(sight: Sight, config: Settings) -> PixelNets:
    """Builds encoder, actor and two critics, and their optimizers.

    Args:
      sight: how the world is observed; numbers need no encoder.
      config: the options.

    Raises:
      BadInput: the world's actions are not real or not bounded.
    """
    size = check_actions(sight.env)
    encoder = make_encoder(sight, config)
    codes = Box((encoder.size,))
    steps = num_updates(config)
    tx = setup.make_tx(config.optimizer, steps=steps)
    slower = config.optimizer.learning_rate * config.alpha_rate
    alpha_options = replace(config.optimizer, learning_rate=slower)
    alpha_tx = setup.make_tx(alpha_options, steps=steps, b1=0.5)  # table 3 of CURL
    actor = squashed_actor(codes, size, hidden=config.hidden)
    critics = stacked_critics(codes, size, hidden=config.hidden)
    return PixelNets(encoder, Nets(actor, critics, tx, tx), contrast_tx=tx, alpha_tx=alpha_tx)


class QNets(NamedTuple):
    """What is trained where actions are numbered.

    Attributes:
      encoder: what the values are read by.
      values: of all actions, of codes z.
      tx: the optimizer.
    """

    encoder: Encoder
    values: QNetwork
    tx: optax.GradientTransformation


def make_q_nets(sight: Sight, config: Settings) -> QNets:
    """Builds encoder and action values, and their optimizer.

    Args:
      sight: how the world is observed.
      config: the options.
    """
    encoder = make_encoder(sight, config)
    values = q_network(Box((encoder.size,)), sight.env.action_space, hidden=config.hidden)
    tx = setup.make_tx(config.optimizer, steps=num_updates(config))
    return QNets(encoder, values, tx)


def is_numbered(sight: Sight) -> bool:
    """Tells whether it is a board that is seen, and moves are numbered."""
    return isinstance(sight.env.action_space, Discrete) and is_picture(sight.space)


def deployment(nets: PixelNets | QNets, sight: Sight, *, text: str) -> Deployment:
    """Describes a policy and its values for `./run export` and `./run watch`.

    Args:
      nets: encoder, and actor and critics or the values of all actions.
      sight: how the world is observed.
      text: what the policy is for.

    Returns:
      A Deployment with the input `obs`, a single frame, and for stacks `first` and `carry`; with
      the outputs `action`, `value`, `mean`, `log_std`, or `q` in place of these two, and the next
      `carry`.
    """
    env, (stack, before) = sight.env, sight.frames
    act = _act_by_values(nets) if isinstance(nets, QNets) else _act_by_policy(nets, env)
    inputs: dict[str, Any] = {"obs": abstract(env.obs_space)}
    if stack > 1:
        frames = jax.eval_shape(lambda: start_frames(env.obs_space, 1, stack))
        carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), frames)
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(params, inputs):
        obs = inputs["obs"]
        carry = push_frame(inputs["carry"], obs, inputs["first"], before) if stack > 1 else ()
        shown = sight.views.fixed(read_frames(carry, obs))
        outputs = act(params, nets.encoder.features(params["encoder"], shown))
        return outputs | ({"carry": carry} if stack > 1 else {})

    def weights(state):
        return {name: getattr(state.params, name) for name in ("encoder", "actor", "critics")}

    text += _VALUES if isinstance(nets, QNets) else _TEXT
    return Deployment(text + (_FRAMES if stack > 1 else ""), weights, apply, inputs)


def _act_by_policy(nets: PixelNets, env: Env) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Makes the outputs of a policy out of parameters and features [B, F]."""
    to_env = unit_to_env(env.action_space)

    def act(params, features):
        policy = policy_of(nets, params["actor"], features)
        unit = jnp.tanh(policy.mean)
        value = jnp.mean(judge(nets, params["encoder"], params["critics"], features, unit), axis=0)
        return {"action": to_env(unit), "value": value} | policy._asdict()

    return act


def _act_by_values(nets: QNets) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Makes the outputs of action values out of parameters and features [B, F]."""

    def act(params, features):
        z = nets.encoder.latent(params["encoder"]["latent"], features)
        q = nets.values.apply(params["critics"], z)
        action = jnp.argmax(q, axis=-1).astype(jnp.int32)
        return {"action": action, "value": jnp.max(q, axis=-1), "q": q}

    return act


_TEXT = """

`action` is the one that is taken without exploring, as the world takes it; `value` is the
discounted return that the critics expect of it, their mean. `mean` and `log_std` are the parameters
of the normal distribution of what tanh then squashes to the bounds."""
_VALUES = """

`q` is the discounted return that is expected of each action, `action` the one of the highest,
`value` what it is worth."""
_FRAMES = """

`carry` holds the last frames, the newest last: hand back what comes out. Set `first` where an
episode begins, and copies of `obs` take their place, so that zeros will do for the first."""
