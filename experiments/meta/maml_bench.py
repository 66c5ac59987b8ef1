"""What a step of MAML on images of Omniglot's size costs, by second order and by first."""

import jax
import numpy as np

from experiments._timing import Candidate, measure, scored_step
from experiments.meta.maml import PRESETS, Config, build
from experiments.vision import _torch_peers
from jaxdl.core.run import BadInput
from jaxdl.data import FewShot, drawn_characters, sample_tasks
from jaxdl.launch import configure


def maml_omniglot_step(peers: bool | str) -> list[dict]:
    """Times whole steps at the sizes of the paper's 5 ways and 1 shot; an item is a task.

    The tasks are drawn characters, as large as Omniglot's, so that no file is needed. The peer is a
    plain loop in torch, after learn2learn's, which is not among the extras.
    """
    config = configure("maml", PRESETS, "paper", {"tasks": "drawn"})
    chosen = config.few_shot
    sizes = {"ways": chosen.ways, "shots": chosen.shots, "queries": chosen.queries}
    images = drawn_characters((20, 0, 5)).train
    key = jax.random.key(0)
    tasks = jax.jit(lambda key: sample_tasks(key, images, tasks=config.meta_batch, **sizes))(key)
    net = f"{config.net.blocks} blocks of {config.net.filters} filters, second order"
    candidates = {}
    for who, settings in {"jaxdl": {}, "first order": {"order": 1}}.items():
        learner = build(configure("maml", PRESETS, "paper", {"tasks": "drawn"} | settings)).learner
        note = net if who == "jaxdl" else "the gradient within a task taken for a constant"
        candidates[who] = scored_step(learner, key, tasks, items=config.meta_batch, note=note)
    if peers == "torch":
        candidates["torch"] = torch_candidate(config, tasks)
    return measure("maml_omniglot_step", candidates)


def torch_candidate(config: Config, tasks: FewShot) -> Candidate:
    """Makes the candidate of a loop over tasks in torch.

    Raises:
      BadInput: the extra `torch` is not installed.
    """
    try:
        from experiments.meta._torch_maml import maml_step
    except ImportError as error:
        raise BadInput(f"--peers=torch needs {error.name}: install the extra `torch`") from None
    step = maml_step(
        [np.asarray(x) for x in tasks],
        ways=config.few_shot.ways,
        filters=config.net.filters,
        blocks=config.net.blocks,
        rate=config.descent.inner_lr,
        steps=config.descent.inner_steps,
    )
    note = "a loop over tasks with autograd, as learn2learn has it; second order"
    return _torch_peers.candidate(step, items=config.meta_batch, note=note)


CASES = {"maml_omniglot_step": maml_omniglot_step}
