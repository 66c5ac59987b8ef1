"""Which module imports which, read from the syntax trees: what a change can break."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("jaxdl", "experiments", "tests")
SYSTEM_ROOMS = {"vision", "language", "rl", "meta", "imitation", "sim2real", "robots", "science"}


def module_name(path: Path, root: Path = ROOT) -> str:
    """Returns the dotted name of a file below the root, `jaxdl.rl` for jaxdl/rl/__init__.py."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_modules(root: Path = ROOT) -> dict[str, Path]:
    """Returns module name -> file for all Python of the repository."""
    files = (path for room in ROOMS for path in sorted((root / room).rglob("*.py")))
    return {module_name(path, root): path for path in files}


def imports_of(path: Path, root: Path = ROOT) -> set[str]:
    """Returns the full names that a file imports, `jaxdl.rl.ppo` for `from jaxdl.rl import ppo`.

    What only a type checker reads does not count, except in an `__init__`: there these are the
    names that are loaded on first use.
    """
    tree = ast.parse(path.read_text())
    package = module_name(path, root).split(".")
    package = package if path.stem == "__init__" else package[:-1]
    found = set()
    for node in _statements(tree, with_types=path.stem == "__init__"):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {source} | {f"{source}.{each.name}" for each in node.names}
    return found


def _statements(tree: ast.AST, *, with_types: bool) -> Iterator[ast.AST]:
    """Yields the nodes of a tree, without the bodies of `if TYPE_CHECKING` unless asked for."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if with_types or not is_for_types:
            yield from _statements(child, with_types=with_types)


def import_graph(modules: Mapping[str, Path], root: Path = ROOT) -> dict[str, set[str]]:
    """Returns module -> the modules among `modules` that it imports, its packages included.

    Launch files are found, not imported: `experiments._systems` counts as importing all of them.
    """
    graph = {}
    for name, path in modules.items():
        wanted = imports_of(path, root) | _named_in_text(path)
        wanted |= {parent for each in wanted for parent in _parents(each)}
        graph[name] = {each for each in wanted if each in modules and each != name}
    if "experiments.__main__" in graph:
        graph["experiments.__main__"].add("experiments._systems")
    if "experiments._systems" in graph:
        is_launched = {n for n in modules if n.startswith("experiments.") and n.count(".") == 2}
        graph["experiments._systems"] |= is_launched
    return graph


def _named_in_text(path: Path) -> set[str]:
    """Returns the modules that a file starts by name: `import_module("a.b")`, `-m experiments`."""
    nodes = ast.walk(ast.parse(path.read_text()))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    names = {
        text for text in texts if isinstance(text, str) and text.count(".") and " " not in text
    }
    is_test = path.name.startswith("test_")
    return names | ({"experiments.__main__"} if is_test and "experiments" in texts else set())


def _parents(name: str) -> Iterator[str]:
    """Yields `jaxdl.rl` and `jaxdl` for jaxdl.rl.ppo: a package is run before its modules."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def dependents(graph: Mapping[str, Iterable[str]], roots: Iterable[str]) -> set[str]:
    """Returns the roots and all that imports them, directly or through others."""
    importers: dict[str, set[str]] = {}
    for name, imported in graph.items():
        for each in imported:
            importers.setdefault(each, set()).add(name)
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += importers.get(name, ())
    return reached


def dependencies(graph: Mapping[str, Iterable[str]], roots: Iterable[str]) -> set[str]:
    """Returns the roots and all that they import, directly or through others."""
    backwards: dict[str, set[str]] = {}
    for name, imported in graph.items():
        for each in imported:
            backwards.setdefault(each, set()).add(name)
    return dependents(backwards, roots)


def find_launch_files(root: Path = ROOT) -> list[Path]:
    """Returns the files of `experiments/<section>/` that hold an `ABOUT`."""
    files = sorted((root / "experiments").glob("*/*.py"))
    return [path for path in files if "ABOUT" in _assigned_names(path)]


def _assigned_names(path: Path) -> set[str]:
    targets = [
        target
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def find_learners(root: Path = ROOT) -> dict[str, Path]:
    """Returns factory -> file for the public functions of system rooms that return a Learner."""
    found = {}
    for path in sorted((root / "jaxdl").rglob("*.py")):
        if path.relative_to(root).parts[1] not in SYSTEM_ROOMS:
            continue
        for node in ast.parse(path.read_text()).body:
            is_public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if is_public and node.returns and ast.unparse(node.returns).endswith("Learner"):
                found[node.name] = path
    return found


def learners_used(path: Path, root: Path = ROOT) -> dict[str, Path]:
    """Returns factory -> file for the learners that a file names, in the order of their names.

    A factory may be handed on rather than called. For one that makes a learner out of options
    (`make_...`), the learners that its file names stand.
    """
    learners = find_learners(root)
    used = {}
    for name in _names_in(path) & learners.keys():
        if name.startswith("make_"):
            inner = _names_in(learners[name]) & learners.keys()
            used |= {each: learners[each] for each in inner if not each.startswith("make_")}
        else:
            used[name] = learners[name]
    return dict(sorted(used.items()))


def _names_in(path: Path) -> set[str]:
    """Returns the names and attributes that a file speaks of."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def defining_modules(path: Path, root: Path = ROOT) -> set[str]:
    """Returns the modules of jaxdl that define what a file imports, not the packages between."""
    modules = find_modules(root)
    found = set()
    for name in imports_of(path, root):
        while name not in modules and "." in name:
            name = _reexported(name, modules, root) or name.rpartition(".")[0]
        if name in modules and modules[name].stem != "__init__":
            found.add(name)
    return found


def _reexported(name: str, modules: Mapping[str, Path], root: Path) -> str:
    """Returns `jaxdl.losses.policy` for jaxdl.losses.surrogate, or "" for what no package tells."""
    package, _, last = name.rpartition(".")
    if package not in modules or modules[package].stem != "__init__":
        return ""
    for node in ast.walk(ast.parse(modules[package].read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if any((each.asname or each.name) == last for each in node.names):
                return node.module
    return ""
