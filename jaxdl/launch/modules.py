"""Launch files as modules, wherever they lie. No JAX here."""

import hashlib
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def load_file(path: str | Path) -> ModuleType:
    """Imports a Python file once, under a name that stays the same.

    Its siblings can be imported from it, as `from .sibling import ...`; a file of an importable
    package is imported as a part of it.
    """
    path = Path(path).resolve()
    name = f"{package_of(path.parent)}.{path.stem.replace('.', '_')}"
    if loaded := sys.modules.get(name):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for what their type hints name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def package_of(folder: Path) -> str:
    """Returns the name of the package that a folder is, or is made to be."""
    if name := _importable(folder):
        return name
    name = f"jaxdl_files_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def _importable(folder: Path) -> str:
    """Returns the dotted name under which Python finds a folder with an __init__.py, or ""."""
    top = folder
    while (top / "__init__.py").exists():
        top = top.parent
    name = ".".join(folder.relative_to(top).parts)
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return ""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    places = spec.submodule_search_locations if spec else None
    return name if folder in [Path(place).resolve() for place in places or ()] else ""


def make_relative_imports_work(module: ModuleType) -> None:
    """Gives a file that was started as a script the package that its siblings are in."""
    if not getattr(module, "__package__", None) and getattr(module, "__file__", None):
        module.__package__ = package_of(Path(str(module.__file__)).resolve().parent)
