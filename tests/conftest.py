import os
from pathlib import Path

# Before JAX is loaded: four devices on one machine, so that every test can ask for them.
flags = os.environ.get("XLA_FLAGS", "")
if "host_platform_device_count" not in flags:
    os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count=4".strip()

import pytest  # noqa: E402

from jaxdl.core import mesh  # noqa: E402

mesh.prepare_jax()


def pytest_addoption(parser):
    parser.addoption("--fast", action="store_true", help="leave out the tests marked slow")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--fast"):
        skip = pytest.mark.skip(reason="--fast")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data():
    folder = os.environ.get("JAXDL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set JAXDL_DATA")
    return Path(folder)
