import os
from pathlib import Path

# Before JAX is loaded: eight devices on one machine, so that every test can ask for them.
flags = os.environ.get("XLA_FLAGS", "")
if "host_platform_device_count" not in flags:
    os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count=8".strip()

import pytest  # noqa: E402

from jaxdl.core import mesh  # noqa: E402

mesh.prepare_jax()


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="needs --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data():
    folder = os.environ.get("JAXDL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set JAXDL_DATA")
    return Path(folder)
