"""A net that folds and is finished: AlphaFold out of a run of ours, or DeepMind's parameters."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from experiments._finished import find_run, newest_state, state_of_seed
from experiments._systems import find, verdicts
from jaxdl.core.run import BadInput
from jaxdl.launch.settings import configure

CLUSTERS, EXTRA = 508, 1024  # rows of an alignment that DeepMind's models see (512 with templates)


class StructureModel(NamedTuple):
    """What can fold a chain.

    Attributes:
      name: of the parameters, for files and people.
      net: AlphaFold.
      params: of it.
      sampling: what it sees of an alignment.
      recycles: passes after the first one.
    """

    name: str
    net: Any
    params: Any
    sampling: Any
    recycles: int


def open_models(
    params: tuple[str, ...], workdir: str, which: int, preset: str
) -> list[StructureModel]:
    """Opens the models that a command line names, or a run of ours that it trains first.

    Args:
      params: files in DeepMind's layout; () for none.
      workdir: of a run of alphafold; "" for none.
      which: of that run's seeds.
      preset: of the run that is taken, or trained, where neither is given.

    Raises:
      BadInput: there is no such run or file, or it is something else.
    """
    if params:
        return [_published(Path(path)) for path in params]
    return [_trained(workdir or own_run(preset), which)]


def own_run(preset: str) -> str:
    """Returns the folder of the run of alphafold that stands in for one; trains it if need be."""
    from jaxdl.launch.flags import train_system
    from jaxdl.pages import print_text

    folder = Path("runs", "alphafold", f"fold-{preset}")
    if not (folder / "result.json").exists():
        print_text(
            f"jaxdl: neither --params nor --workdir is given: trains alphafold --preset={preset} "
            f"into {folder} first"
        )
        module = find("alphafold").module
        settings = {"workdir": str(folder), "devices": 1}
        config = configure("alphafold", module.PRESETS, preset, settings)
        train_system(module.build, config, module.ABOUT, verdicts(find("alphafold")))
    return str(folder)


def _trained(workdir: str, which: int) -> StructureModel:
    import jax

    from experiments.science._alphafold import make_net, make_sampling

    run = find_run(workdir, "", which, "fold")
    if run.file.name != "alphafold":
        raise BadInput(f"--workdir={run.folder} is a run of {run.file.name}, not of alphafold")
    system = run.file.module.build(run.config)
    step, state = newest_state(run, system.learner)
    state = state_of_seed(run, state, which)
    params = state.extra.params if run.config.average else state.params
    return StructureModel(
        f"{run.folder}, step {step}",
        make_net(run.config.net),
        jax.device_get(params),
        make_sampling(run.config.seen),
        run.config.seen.recycles,
    )


def _published(path: Path) -> StructureModel:
    import jax

    from jaxdl.science import alphafold

    net = alphafold.AlphaFold(alphafold.read_sizes(path), chunk=128)
    sampling = alphafold.Sampling(crop=None, clusters=CLUSTERS, extra=EXTRA, delete_blocks=False)
    expected = jax.eval_shape(partial(alphafold.init_params, net), jax.random.key(0))
    return StructureModel(path.name, net, alphafold.convert(path, expected), sampling, 3)
