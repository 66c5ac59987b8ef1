"""MuJoCo's models on the device, and how they are loaded, placed and silenced."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

import jax
import mujoco
import numpy as np

from jaxdl.envs.mjcf import asset, read_mjcf
from jaxdl.envs.spaces import Box

if TYPE_CHECKING:
    from mujoco import mjx

# Modes of cameras that follow a center of mass.
CENTERED = {
    int(mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM),
    int(mujoco.mjtCamLight.mjCAMLIGHT_TARGETBODYCOM),
}


@contextmanager
def quiet_mujoco() -> Iterator[None]:
    """Hides what MJX and brax say of optional parts, old attributes and their upkeep."""
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda text: None)  # else MuJoCo leaves a MUJOCO_LOG.TXT behind
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        mujoco.set_mju_user_warning(handler)


class OnDevice(NamedTuple):
    """Holds a model as MJX computes with it.

    Attributes:
      model: mjx.Model.
      blank: mjx.Data in the rest position.
    """

    model: "mjx.Model"
    blank: "mjx.Data"


def read_asset(name: str) -> mujoco.MjModel:
    """Reads an MJCF of ours, by its file's name in `jaxdl/envs/assets`."""
    with asset(name) as path:
        return read_mjcf(path)


def put_on_device(model: mujoco.MjModel) -> OnDevice:
    """Makes a model's arrays JAX's."""
    with quiet_mujoco():
        from mujoco import mjx

        return OnDevice(mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax"))


def place(on_device: OnDevice, qpos: jax.Array) -> "mjx.Data":
    """Computes where bodies, geoms and cameras are, and nothing else that counts.

    Args:
      on_device: the model; its arrays may be traced, as those of a task are.
      qpos: [Q] positions of the joints.
    """
    from mujoco import mjx

    with jax.default_matmul_precision("highest"):
        placed = mjx.kinematics(on_device.model, on_device.blank.replace(qpos=qpos))
        if set(on_device.model.cam_mode) & CENTERED:
            placed = mjx.com_pos(on_device.model, placed)
        return mjx.camlight(on_device.model, placed)


def action_box(model: mujoco.MjModel) -> Box:
    """Returns the space of a model's controls [A], each within its own ctrlrange if it has one."""
    limited = np.asarray(model.actuator_ctrllimited, bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
    return Box((model.nu,), low, high)
