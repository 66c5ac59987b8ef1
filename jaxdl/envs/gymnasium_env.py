"""Our worlds as Gymnasium's classes; `jaxdl.envs.as_gymnasium` makes them."""

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from jaxdl.core.run import BadInput
from jaxdl.envs.checks import check
from jaxdl.envs.env import Env
from jaxdl.envs.spaces import Box, Discrete, Space, abstract, space_text, zeros
from jaxdl.envs.worlds import vectorize

SIDE = 256  # pixels of a picture
FPS = 25  # pictures in a second, where steps have no duration


def to_gymnasium_space(space: Space) -> spaces.Space:
    """Returns one of our spaces as Gymnasium's, with the same bounds."""
    if isinstance(space, dict):
        return spaces.Dict({name: to_gymnasium_space(part) for name, part in space.items()})
    if isinstance(space, tuple):
        return spaces.Tuple([to_gymnasium_space(part) for part in space])
    if isinstance(space, Discrete):
        return spaces.Discrete(space.n)
    if not isinstance(space, Box):
        return spaces.MultiDiscrete(space.ns)
    if space.dtype == np.bool_:
        return spaces.MultiBinary(space.shape)
    low, high = (np.broadcast_to(np.float64(x), space.shape) for x in (space.low, space.high))
    if np.issubdtype(space.dtype, np.integer):  # which knows no infinity
        kind = np.iinfo(space.dtype)
        low, high = np.clip(low, kind.min, kind.max), np.clip(high, kind.min, kind.max)
    return spaces.Box(low.astype(space.dtype), high.astype(space.dtype), space.shape, space.dtype)


def to_numpy(space: spaces.Space, value: Any) -> Any:
    """Returns elements of our space as elements of Gymnasium's, which may be batched."""
    if isinstance(space, spaces.Dict):
        return {name: to_numpy(part, value[name]) for name, part in space.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(to_numpy(part, x) for part, x in zip(space, value, strict=True))
    if isinstance(space, spaces.Discrete):
        return np.int64(value)
    return np.array(value, space.dtype)  # which learners may write into


def to_ours(space: Space, action: Any, batch: tuple[int, ...] = ()) -> Any:
    """Returns an action of Gymnasium's as one of ours.

    Args:
      space: of one world's actions.
      action: an element of Gymnasium's space, with leading axes `batch`.
      batch: of the leading axes.

    Raises:
      BadInput: its structure or a shape is another one, or an integer is out of range.
    """
    if isinstance(space, dict):
        if not isinstance(action, dict) or set(action) != set(space):
            raise BadInput(f"an action should be a dict of {', '.join(space)}")
        return {name: to_ours(part, action[name], batch) for name, part in space.items()}
    if isinstance(space, tuple):
        if not isinstance(action, tuple) or len(action) != len(space):
            raise BadInput(f"an action should be a tuple of {len(space)}")
        parts = [to_ours(part, x, batch) for part, x in zip(space, action, strict=True)]
        return type(space)(*parts) if hasattr(space, "_fields") else tuple(parts)
    spec = abstract(space)
    x = np.asarray(action)
    wanted = (*batch, *spec.shape)
    if x.shape != wanted:
        raise BadInput(f"an action has the shape {list(x.shape)}; it should be {list(wanted)}")
    if not isinstance(space, Box):  # a Box's numbers are clipped by the worlds themselves
        choices = np.asarray(space.n if isinstance(space, Discrete) else space.ns)
        if np.any((x < 0) | (x >= choices)):
            raise BadInput(f"an action is {x.tolist()}; it should be within {space_text(space)}")
    return x.astype(spec.dtype)


def key_of(seed: int | Sequence[int]) -> jax.Array:
    """Returns the random key of a seed, which may be a number of any size or several."""
    return jax.random.key(np.random.SeedSequence(seed).generate_state(1)[0])


class Pictures:
    """Paints what happens in a world as `./run watch` does."""

    def __init__(self, name: str, action_space: Space):
        # The room of pictures is above this one, so it is not imported before it is asked for.
        self.play = importlib.import_module("jaxdl.render.view").Play
        self.view = importlib.import_module("jaxdl.render.views").view_of(name)
        self.keep = jax.jit(self.view.keep)
        self.idle = jax.tree.map(np.asarray, zeros(action_space))

    def fps(self) -> int:
        """Returns how many steps a second has in the world."""
        return round(1 / self.view.seconds) if self.view.seconds else FPS

    def paint(self, state: Any, task: Any, obs: Any, actions: list, rewards: list) -> np.ndarray:
        """Returns a picture [H, W, 3] uint8 of a state.

        Args:
          state: of the world.
          task: of the world.
          obs: of the state.
          actions: those of the episode so far.
          rewards: likewise.
        """
        kept = jax.tree.map(np.asarray, self.keep(state, task, obs))
        time = len(rewards)
        # Only the present state is painted, so that it may stand for the earlier ones.
        kept = jax.tree.map(lambda x: np.broadcast_to(x, (time + 1, *x.shape)), kept)
        acted = jax.tree.map(lambda *x: np.stack(x), *(actions or [self.idle]))
        play = self.play(kept, acted, np.asarray(rewards or [0.0]))
        return self.view.paint(play, [time], SIDE, SIDE)[0]


class OneWorld(gymnasium.Env):
    """Steps one world of ours at a time."""

    def __init__(self, env: Env, name: str, *, seed: int, render_mode: str | None):
        check(env)
        self.env = env
        self.observation_space = to_gymnasium_space(env.obs_space)
        self.action_space = to_gymnasium_space(env.action_space)
        self.render_mode = render_mode
        self.pictures = Pictures(name, env.action_space) if render_mode else None
        fps = self.pictures.fps() if self.pictures else FPS
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": fps}
        self._key = key_of(seed)
        self._now = None
        self._history = ([], [])

        @jax.jit
        def begin(key):
            key, task_key, reset_key = jax.random.split(key, 3)
            task = env.sample_task(task_key)
            return key, (*env.reset(reset_key, task), task)

        @jax.jit
        def move(key, state, action, task):
            key, step_key = jax.random.split(key)
            state, out = env.step(step_key, state, action, task)
            return key, state, out

        self._begin = begin
        self._move = move

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        """Draws a task and begins an episode; returns its first observation and {}."""
        super().reset(seed=seed)
        if seed is not None:
            self._key = key_of(seed)
        self._key, self._now = self._begin(self._key)
        self._history = ([], [])
        return to_numpy(self.observation_space, self._now[1]), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        """Takes an action; returns observation, reward, terminated, truncated and info.

        Raises:
          gymnasium.error.ResetNeeded: no episode was begun.
          BadInput: the action is of another shape.
        """
        if self._now is None:
            raise gymnasium.error.ResetNeeded("call reset before step")
        state, _, task = self._now
        action = to_ours(self.env.action_space, action)
        self._key, state, out = self._move(self._key, state, action, task)
        self._now = state, out.obs, task
        out = jax.device_get(out)
        if self.pictures:
            self._history[0].append(action)
            self._history[1].append(out.reward)
        info = info_of(out)
        obs = to_numpy(self.observation_space, out.obs)
        return obs, float(out.reward), bool(out.terminated), bool(out.truncated), info

    def render(self) -> np.ndarray | None:
        """Returns a picture [256, 256, 3] uint8 of the present state, or None without a mode.

        Raises:
          gymnasium.error.ResetNeeded: no episode was begun.
        """
        if not self.pictures:
            return None
        if self._now is None:
            raise gymnasium.error.ResetNeeded("call reset before render")
        state, obs, task = self._now
        return self.pictures.paint(state, task, obs, *self._history)


class ManyWorlds(VectorEnv):
    """Steps many worlds of ours side by side; ended ones begin again in the same step."""

    def __init__(self, env: Env, name: str, num_envs: int, *, seed: int, render_mode: str | None):
        self.env = env
        self.num_envs = num_envs
        self.single_observation_space = to_gymnasium_space(env.obs_space)
        self.single_action_space = to_gymnasium_space(env.action_space)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self.pictures = Pictures(name, env.action_space) if render_mode else None
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": self.pictures.fps() if self.pictures else FPS,
            "autoreset_mode": AutoresetMode.SAME_STEP,
        }
        self._key = key_of(seed)
        self._now = None
        self._histories = [([], []) for _ in range(num_envs)]
        worlds = vectorize(env, num_envs)

        @jax.jit
        def begin(key):
            key, reset_key = jax.random.split(key)
            return key, worlds.reset(reset_key)

        # The old state's memory is the new one's.
        @functools.partial(jax.jit, donate_argnums=1)
        def move(key, state, action):
            key, step_key = jax.random.split(key)
            return key, *worlds.step(step_key, state, action)

        self._begin = begin
        self._move = move

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict | None = None
    ) -> tuple[Any, dict]:
        """Draws tasks and begins an episode in all worlds; returns observations and {}."""
        if seed is not None:
            super().reset(seed=seed if isinstance(seed, int) else None)
            self._key = key_of(seed)
        self._key, self._now = self._begin(self._key)
        self._histories = [([], []) for _ in range(self.num_envs)]
        return to_numpy(self.observation_space, self._now.obs), {}

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Takes actions; returns observations, rewards, terminated, truncated and infos.

        Raises:
          gymnasium.error.ResetNeeded: no episode was begun.
          BadInput: the actions are of another shape.
        """
        if self._now is None:
            raise gymnasium.error.ResetNeeded("call reset before step")
        actions = to_ours(self.env.action_space, actions, (self.num_envs,))
        self._key, self._now, out = self._move(self._key, self._now, actions)
        out = jax.device_get(out)
        obs = to_numpy(self.observation_space, self._now.obs)
        done = out.terminated | out.truncated
        if self.pictures:
            self._record(actions, out.reward, done)
        infos = masked(info_of(out), np.ones(self.num_envs, bool))
        if done.any():
            final = {"final_obs": self._final_obs(out.obs, done)}
            final["final_info"] = masked(info_of(out), done)
            infos |= masked(final, done)
        return obs, np.asarray(out.reward, np.float64), out.terminated, out.truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Returns a picture [256, 256, 3] uint8 of each world, or None without a mode.

        Raises:
          gymnasium.error.ResetNeeded: no episode was begun.
        """
        if not self.pictures:
            return None
        if self._now is None:
            raise gymnasium.error.ResetNeeded("call reset before render")
        now = self._now.env, self._now.task, self._now.obs
        return tuple(
            self.pictures.paint(*jax.tree.map(lambda x, i=i: x[i], now), *self._histories[i])
            for i in range(self.num_envs)
        )

    def _final_obs(self, obs: Any, done: np.ndarray) -> np.ndarray:
        """Objects [E]: the last observations of the episodes that ended, else None."""
        final = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(done):
            last = jax.tree.map(lambda x, i=i: x[i], obs)
            final[i] = to_numpy(self.single_observation_space, last)
        return final

    def _record(self, actions: Any, rewards: np.ndarray, done: np.ndarray) -> None:
        """Keeps what pictures of an episode show of its past."""
        for i, history in enumerate(self._histories):
            history[0].append(jax.tree.map(lambda x, i=i: x[i], actions))
            history[1].append(rewards[i])
            if done[i]:
                self._histories[i] = ([], [])


def info_of(out: Any) -> dict[str, Any]:
    """Returns a step's info with its discount, as NumPy's."""
    return {**jax.tree.map(np.asarray, out.info), "discount": np.asarray(out.discount)}


def masked(infos: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """Returns infos with the mask [E], of the worlds that they are of, beside each."""
    return infos | {f"_{name}": mask for name in infos}
