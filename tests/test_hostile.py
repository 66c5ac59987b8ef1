"""What would let a file that others wrote run code or write elsewhere is nowhere in the sources.

The checker reads syntax trees, so it sees through other names; it has no comment that silences it.
A rule's home is the one file where what it names is allowed.
"""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

UNPICKLERS = set(
    "pickle cPickle _pickle dill cloudpickle joblib marshal shelve jsonpickle pickletools "
    "hickle".split()
)
BUILTINS = {"eval", "exec", "compile", "__import__"}
LOADERS = {"from_xml_path", "from_xml_string", "from_binary_path"}
# rule -> the full names that it forbids
NAMES = {
    "unpickles": {
        "torch.load",
        "torch.jit.load",
        "pandas.read_pickle",
        "numpy.core.multiarray._reconstruct",
    },
    "yaml": {
        f"yaml.{name}"
        for name in (
            "load load_all unsafe_load unsafe_load_all full_load full_load_all "
            "Loader UnsafeLoader FullLoader CLoader"
        ).split()
    },
    "runs text": {
        *(f"builtins.{name}" for name in BUILTINS),
        "sympy.sympify",
        "sympy.parse_expr",
        "sympy.parsing.sympy_parser.parse_expr",
        "code.InteractiveInterpreter",
    },
    "runs a file": {
        "importlib.util.spec_from_file_location",
        "importlib.util.module_from_spec",
        "importlib.machinery.SourceFileLoader",
        "importlib.machinery.SourcelessFileLoader",
        "runpy.run_path",
        "imp.load_source",
    },
    "shell": {
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
        "pty.spawn",
    },
    "guessable name": {"tempfile.mktemp", "os.tempnam", "os.tmpnam"},
    "MJCF": {"mujoco.MjSpec.from_file", "mujoco.MjSpec.from_string", "mujoco.MjSpec.from_zip"},
    "unescaped": {"markupsafe.Markup", "jinja2.Markup", "jinja2.utils.markupsafe.Markup"},
    "weak hash": {"hashlib.md5", "hashlib.sha1"},
}
MODULES = {
    "unpickles": UNPICKLERS,
    "MJCF": {"brax.io.mjcf", "dm_control.mjcf"},
    "XML": {"xml", "lxml"},
}
HOMES = {
    "runs a file": ("jaxdl/launch/modules.py", "tests/*"),  # launch files of the user's own
    "MJCF": ("jaxdl/envs/mjcf.py", "tests/envs/*", "tests/render/*"),  # oracles
    "XML": ("jaxdl/envs/mjcf.py", "tests/*"),  # they read what was written here
}


def findings(source: str) -> list[tuple[str, int]]:
    """(rule, line) of what is forbidden in a Python source, in order."""
    tree = ast.parse(source)
    known = aliases(tree)
    found = {
        (rule, getattr(node, "lineno", 0))
        for node in ast.walk(tree)
        for rule in broken(node, known)
    }
    return sorted(found, key=lambda pair: pair[::-1])


def aliases(tree: ast.AST) -> dict[str, str]:
    """Name -> what it stands for, of imports and of names given to imported or built-in things."""
    known = {name: f"builtins.{name}" for name in BUILTINS} | {"__builtins__": "builtins"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                root = name.name if name.asname else name.name.split(".")[0]
                known[name.asname or root] = root
        if isinstance(node, ast.ImportFrom):
            known |= {n.asname or n.name: f"{node.module}.{n.name}" for n in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = full_name(node.value, known)
            if isinstance(target, ast.Name) and value:
                known.setdefault(target.id, value)
    return known


def full_name(node: ast.AST, known: dict[str, str]) -> str:
    """`np.load` as numpy.load, `getattr(os, "system")` as os.system; "" for what is neither."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = full_name(node.value, known)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, ast.Subscript) and text(node.slice):
        base = full_name(node.value, known).removesuffix(".__dict__")
        return f"{base}.{text(node.slice)}" if base else ""
    if not isinstance(node, ast.Call):
        return ""
    called = full_name(node.func, known) or getattr(node.func, "id", "")
    words = [text(argument) for argument in node.args]
    if called == "getattr" and len(words) > 1 and words[1]:
        base = full_name(node.args[0], known)
        return f"{base}.{words[1]}" if base else ""
    if called == "vars" and words:
        return full_name(node.args[0], known)
    if (
        words
        and words[0]
        and called in ("importlib.import_module", "__import__", "builtins.__import__")
    ):
        return words[0]
    return ""


def text(node: ast.AST) -> str:
    """A string that is written out, else ""."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def broken(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    """The rules that a node breaks."""
    name = full_name(node, known)
    imported = {name} if isinstance(node, ast.Call) else set()
    if isinstance(node, ast.Import):
        imported = {each.name for each in node.names}
    if isinstance(node, ast.ImportFrom):
        imported = {f"{node.module}.{each.name}" for each in node.names}
        if any(each.name == "*" for each in node.names):
            yield "hides names"
    for rule, forbidden in MODULES.items():
        if any(f"{module}.".startswith(f"{root}.") for module in imported for root in forbidden):
            yield rule
    if any(set(module.split(".")) & UNPICKLERS for module in imported):
        yield "unpickles"
    yield from (rule for rule, names in NAMES.items() if {name, *imported} & names)
    attribute = node.attr if isinstance(node, ast.Attribute) else name.rpartition(".")[2]
    if attribute == "exec_module":
        yield "runs a file"
    if attribute in LOADERS:
        yield "MJCF"
    if attribute in ("extract", "extractall", "unpack_archive") and not re.match("numpy|jax", name):
        yield "extracts"
    if re.search(r"\|\s*safe\b|autoescape\s+false", text(node)):
        yield "unescaped"
    if isinstance(node, ast.Call):
        yield from broken_call(node, known)


def broken_call(node: ast.Call, known: dict[str, str]) -> Iterator[str]:
    """The rules that the arguments of a call break."""
    name = full_name(node.func, known)
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    constant = {key: getattr(value, "value", ...) for key, value in given.items()}
    if constant.get("allow_pickle", False) is not False:
        yield "unpickles"
    if re.fullmatch(r"numpy(\.lib)?(\.npyio|\.format)?\.(load|read_array)", name):
        if len(node.args) > (2 if name.endswith("load") else 1) or None in given:
            yield "unpickles"
    if constant.get("shell", False) is not False:
        yield "shell"
    if re.match(r"jinja2\b.*\.(Environment|NativeEnvironment|Template)$", name):
        if constant.get("autoescape") is not True:
            yield "unescaped"
    if name == "hashlib.new" and (not node.args or text(node.args[0]) in ("", "md5", "sha1")):
        yield "weak hash"


def sources() -> dict[str, str]:
    """Place -> text of all Python of the repository, also of ./run and of the documents."""
    rooms = ("jaxdl", "experiments", "tests", "docs")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    shell = (ROOT / "run").read_text()
    blocks = re.findall(r"<<'PYTHON'\n(.*?)^PYTHON$", shell, re.DOTALL | re.MULTILINE)
    blocks += re.findall(r" -c '([^']*)'", shell)
    found |= {f"run, part {i}": block for i, block in enumerate(blocks)}
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        blocks = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
        found |= {f"{document.name}, part {i}": block for i, block in enumerate(blocks)}
    return found


def test_launch_files_are_run_in_one_place_alone():
    found = {
        place
        for place, source in sources().items()
        if not place.startswith("tests/") and ("runs a file" in dict(findings(source)))
    }
    assert found == {"jaxdl/launch/modules.py"}


def test_no_source_of_this_repository_does_so():
    everything = sources()
    assert {"jaxdl/core/fit.py", "tests/test_hostile.py", "run, part 0"} <= everything.keys()
    assert sum(place.startswith("run, part") for place in everything) >= 2
    assert "README.md, part 0" in everything
    bad = [
        f"{place}:{line}: {rule}"
        for place, source in everything.items()
        for rule, line in findings(source)
        if not any(fnmatch(place, home) for home in HOMES.get(rule, ()))
    ]
    assert bad == []


HOSTILE = {
    "unpickles": [
        *(f"import {module}" for module in sorted(UNPICKLERS)),
        "import pickle as p  # noqa: S403  # type: ignore  # nosec",
        "from pickle import loads",
        "from pickle import loads as l\nl(b'')",
        "def f():\n    import pickle",
        "try:\n    import cPickle as pickle\nexcept ImportError:\n    pickle = None",
        "from sklearn.externals import joblib",
        "from multiprocessing.reduction import pickle",
        "import importlib\nimportlib.import_module('pickle')",
        "from importlib import import_module as get\nget('dill')",
        "import numpy as np\nnp.load('f', allow_pickle=True)",
        "import numpy\nnumpy.load('f', None, True)",
        "import numpy as np\nnp.load('f', **options)",
        "import numpy as np\nnp.load('f', allow_pickle=trusted)",
        "from numpy import load\nload('f', allow_pickle=1)",
        "import numpy as np\nread = np.load\nread('f', allow_pickle=True)",
        "import numpy as np\nfrom functools import partial\npartial(np.load, allow_pickle=True)",
        "import numpy as np\nnp.lib.format.read_array(f, allow_pickle=True)",
        "import numpy as np\nnp.lib.format.read_array(f, True)",
        "import numpy as np\nnp.save('f', x, allow_pickle=True)",
        "import torch\ntorch.load('f')",
        "from torch import load",
        "import pandas as pd\npd.read_pickle('f')",
    ],
    "yaml": [
        "import yaml\nyaml.load(f)",
        "import yaml\nyaml.load(f, Loader=yaml.SafeLoader)",
        "import yaml as y\ny.unsafe_load(f)",
        "from yaml import full_load",
        "from yaml import load as safe",
        "import yaml\nload = yaml.load",
    ],
    "runs text": [
        *("eval('1')", "exec('x = 1')", "compile('1', '', 'eval')", "__import__('os')"),
        *("run = eval", "map(eval, ['1'])", "x = [exec]", "import builtins\nbuiltins.eval('1')"),
        "from builtins import exec as run",
        "import builtins as b\ngetattr(b, 'eval')('1')",
        "getattr(__builtins__, 'exec')",
        "__builtins__['eval']('1')",
        "import builtins\nbuiltins.__dict__['eval']",
        "import builtins\nvars(builtins)['exec']",
        "import sympy\nsympy.sympify('1')",
        "from sympy.parsing.sympy_parser import parse_expr",
        "(run := eval)('1')",
        "run: object = eval",
        "@eval\ndef f(): pass",
        "lambda: eval",
    ],
    "runs a file": [
        "import importlib.util\nimportlib.util.spec_from_file_location('m', 'f')",
        "from importlib.util import spec_from_file_location as find",
        "from importlib import util\nutil.module_from_spec(spec)",
        "import importlib.machinery as m\nm.SourceFileLoader('m', 'f')",
        "spec.loader.exec_module(module)",
        "import runpy\nrunpy.run_path('f')",
        "from runpy import run_path",
    ],
    "shell": [
        "import os\nos.system('ls')",
        "from os import popen",
        "import os as o\nrun = o.system\nrun('ls')",
        "import os\ngetattr(os, 'system')('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess as s\ns.Popen('ls', shell=flag)",
        "from subprocess import check_output\ncheck_output('ls', shell=1)",
        "import subprocess\nsubprocess.getoutput('ls')",
    ],
    "guessable name": ["import tempfile\ntempfile.mktemp()", "from tempfile import mktemp"],
    "extracts": [
        "import tarfile\ntarfile.open('f').extractall()",
        "import zipfile\nwith zipfile.ZipFile('f') as z:\n    z.extract('x')",
        "import tarfile\ntarfile.open('f').extractall(filter='data')",
        "import shutil\nshutil.unpack_archive('f')",
        "from shutil import unpack_archive\nunpack_archive('f')",
    ],
    "MJCF": [
        "import mujoco\nmujoco.MjModel.from_xml_path('f')",
        "from mujoco import MjModel\nMjModel.from_xml_string('f')",
        "from mujoco import MjModel as M\nread = M.from_binary_path",
        "import mujoco\ngetattr(mujoco.MjModel, 'from_xml_path')('f')",
        "import mujoco as mj\nmj.MjSpec.from_file('f')",
        "from brax.io import mjcf",
        "import brax.io.mjcf as reader",
        "from dm_control import mjcf",
    ],
    "XML": [
        "import xml.etree.ElementTree as ET",
        "from xml.dom import minidom",
        "from lxml import etree",
    ],
    "unescaped": [
        "import jinja2\njinja2.Environment()",
        "import jinja2\njinja2.Environment(autoescape=False)",
        "import jinja2\njinja2.Environment(autoescape=flag)",
        "from jinja2 import Template\nTemplate('{{ x }}')",
        "from jinja2 import Environment as E\nE(loader=None)",
        "from markupsafe import Markup",
        "import jinja2\njinja2.Markup('x')",
        f"page = '{{{{ x {'|'} safe }}}}'",
        f"page = f'{{y}} {{{{ x{'|'}safe }}}}'",
        f"page = '{{% {'autoescape'} false %}}'",
    ],
    "weak hash": [
        "import hashlib\nhashlib.md5(b'')",
        "from hashlib import sha1",
        "import hashlib\nhashlib.new('md5')",
        "import hashlib\nhashlib.new(name)",
    ],
    "hides names": ["from os import *"],
}


@pytest.mark.parametrize(
    ("rule", "source"), [(rule, source) for rule, all_ in HOSTILE.items() for source in all_]
)
def test_the_checker_finds(rule, source):
    found = findings(source)
    assert {each for each, _ in found} == {rule}
    assert all(1 <= line <= source.count("\n") + 1 for _, line in found)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.load('f')\nnp.load('f', mmap_mode='r', allow_pickle=False)",
        "import numpy as np\nnp.load('f', None, allow_pickle=False)",
        "import re, jax\nre.compile('x')\njax.jit(f).lower(x).compile()",
        "def evaluate(): pass\nlearner.evaluate(key)\nmodel.eval()\neval_every = 1",
        "import yaml\nyaml.safe_load(f)",
        "import subprocess\nsubprocess.run(['ls'], shell=False)\nsubprocess.run(['ls'])",
        "folder = tmp_path_factory.mktemp('x')",
        "import jax.numpy as jnp\njnp.extract(mask, x)",
        "import jinja2\njinja2.Environment(autoescape=True)",
        "import hashlib\nhashlib.sha256(b'')\nhashlib.new('sha256')",
        "import importlib\nimportlib.import_module(name)\nimportlib.import_module('json')",
        "import importlib.util\nimportlib.util.find_spec('jax')",
        "text = 'import pickle; eval(1)'  # pickle, eval",
        "from jaxdl.envs import read_mjcf\nread_mjcf('f')",
    ],
)
def test_the_checker_lets_pass(source):
    assert findings(source) == []
