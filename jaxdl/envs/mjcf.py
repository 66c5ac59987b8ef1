"""MJCF that others wrote, loaded without trusting it. No other place loads MJCF.

MuJoCo itself opens whatever path an <include>, a mesh or a texture names, loads what a <plugin>
asks for, and allocates what a count says. Here a parser of our own reads the file first, everything
that could do so is refused, and MuJoCo is handed the tree written out again with the bytes of the
files that it names: it opens nothing, and no difference between two parsers can be used.
"""

import math
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.parsers import expat

from jaxdl.core.run import BadInput

if TYPE_CHECKING:
    import mujoco

MAX_BYTES = 1_000_000  # of the MJCF
MAX_FILES = 2**28  # bytes of all files that it names
MAX_DEPTH = 200
MAX_ELEMENTS = 10_000  # with those that <replicate>, <composite> and <flexcomp> make
MAX_NUMBERS = 2**26  # in textures, height fields, meshes and buffers together
MAX_MEMORY = 2**30  # bytes of MuJoCo's arena

# What can name a file, a folder or code, by MuJoCo 3.17's schema; tests compare the two.
SUFFIXES = {
    "mesh": (".stl", ".obj", ".msh"),
    "hfield": (".png", ".bin"),
    "texture": (".png",),
    "skin": (".skn",),
    "flexcomp": (".msh", ".stl", ".obj"),
}
DIRECTORIES = ("assetdir", "meshdir", "texturedir")
REFUSED = {
    "include": "put the file's content in its place",
    "model": "put the other model's elements into this file",
    "attach": "put the other model's elements into this file",
    "plugin": "it would run code; leave it out",
    "extension": "it would run code; leave it out",
}
REFUSED_ATTRIBUTES = ("content_type", "instance", "plugin")
# What decides how much is allocated.
SIZES = {
    *("actdim", "cellcount", "count", "dim", "height", "ncol", "nrow", "nsample", "num", "params"),
    *("resolution", "subgrid", "width"),
}

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
Where = Callable[[ElementTree.Element], str]


def read_mjcf(path: str | Path) -> "mujoco.MjModel":
    """Reads a model in MJCF, with its meshes, textures, height fields and skins.

    The files that it names must lie in its own folder or below. The arrays are those that MuJoCo's
    own loader gives, but for `paths`.

    Args:
      path: the .xml file.

    Raises:
      BadInput: the file is missing, too large, or not MJCF; it includes other files, uses plugins,
        names a file outside of its folder, or asks for absurd sizes; or MuJoCo cannot compile it.
    """
    import mujoco

    path = Path(path)
    root, where = _parse(path)
    for element in root.iter():
        _check_names(element, where)
    files, held = _take_files(path, root, where)
    _check_sizes(root, held, where)
    warned = []
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(warned.append)  # else MuJoCo leaves a MUJOCO_LOG.TXT behind
    try:
        return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, "unicode"), files)
    except (ValueError, RuntimeError, MemoryError, mujoco.FatalError) as error:
        text = " ".join(str(error).split())[:300]
        raise BadInput(f"{path} cannot be compiled: {text}") from None
    finally:
        mujoco.set_mju_user_warning(before)
        for text in warned:
            warnings.warn(f"{path}: {' '.join(text.split())}", stacklevel=2)


def asset_spec(name: str) -> "mujoco.MjSpec":
    """Opens an MJCF of ours to be changed before it is compiled, by its name in `envs/assets`."""
    import mujoco

    with asset(name) as path:
        return mujoco.MjSpec.from_file(str(path))


def asset(name: str) -> AbstractContextManager[Path]:
    """Finds an MJCF of ours in `envs/assets`, which may be packed, while its context lasts."""
    return resources.as_file(resources.files("jaxdl.envs").joinpath("assets", name))


def _parse(path: Path) -> tuple[ElementTree.Element, Where]:
    """Returns the tree without its text, and a function that names an element's place."""
    builder = ElementTree.TreeBuilder()
    lines = {}
    depth = 0
    parser = expat.ParserCreate()

    def start(tag, attributes):
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH or len(lines) >= MAX_ELEMENTS:
            most = f"{MAX_ELEMENTS:,} elements, {MAX_DEPTH} deep; make it smaller"
            raise BadInput(f"{path}, line {parser.CurrentLineNumber}: more than {most}")
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    def end(tag):
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_):
        line = parser.CurrentLineNumber
        raise BadInput(f"{path}, line {line}: a DOCTYPE with entities is refused; leave it out")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(_read(path, MAX_BYTES).decode("utf-8-sig"), True)
    except (expat.ExpatError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not XML in UTF-8: {error}") from None
    root = builder.close()
    if root.tag != "mujoco":
        raise BadInput(f"{path} is not MJCF: it begins with <{root.tag[:40]}>, not <mujoco>")
    return root, lambda element: f"{path}, line {lines[element]}: <{element.tag[:40]}>"


def _check_names(element: ElementTree.Element, where: Where) -> None:
    """Refuses what includes, loads code, or names a file outside of the model's folder."""
    # MuJoCo opens the file of an <Include> too; small letters leave one way to write each.
    if not NAME.fullmatch(element.tag):
        raise BadInput(f"{where(element)}: elements of MJCF are written in small letters")
    if element.tag in REFUSED:
        raise BadInput(f"{where(element)} is refused; {REFUSED[element.tag]}")
    for name, value in element.attrib.items():
        if not NAME.fullmatch(name) or name in REFUSED_ATTRIBUTES:
            raise BadInput(
                f"{where(element)}: the attribute {name[:40]!r} is refused; leave it out"
            )
        names_file = name.startswith("file")
        if not names_file and name not in DIRECTORIES:
            continue
        said = f"{where(element)}: {name}={value[:80]!r}"
        if ".." in value.split("/") or value.startswith(("/", "~")) or re.search(r"[\\:]", value):
            raise BadInput(f"{said} should be a path within the model's folder")
        suffixes = SUFFIXES.get(element.tag, ()) if names_file else ()
        if names_file and PurePosixPath(value).suffix.lower() not in suffixes:
            raise BadInput(
                f"{said} should end in {' or '.join(suffixes) or 'nothing; leave it out'}"
            )


def _check_sizes(
    root: ElementTree.Element, held: dict[ElementTree.Element, int], where: Where
) -> None:
    """Refuses counts that make too many elements, too many numbers, or too long a compilation.

    Args:
      root: the tree.
      held: element -> how many numbers its files hold.
      where: element -> its place in the file.
    """
    elements = 0
    numbers = 0.0
    each = 0.0
    stack = [(root, 1.0, False)]
    while stack:
        element, times, default = stack.pop()
        sizes = {name: _size(element, name, where) for name in SIZES & element.attrib.keys()}
        if default and any(value > 1 for value in sizes.values()):
            raise BadInput(
                f"{where(element)}: give {', '.join(sorted(sizes))} outside of <default>"
            )
        count = sizes.pop("count", 1.0)
        sizes["params"] = sizes.get("params", 1.0) ** 3  # of points along one side
        from_files = held.get(element, 0)
        if element.tag == "flexcomp":
            count = max(count, from_files / 10)  # a vertex and its faces are 40 bytes or more
        elements += times * (1 if element.tag == "replicate" else count)
        numbers += times * (math.prod(sizes.values()) + from_files)
        if element.tag == "size":
            buffers, for_each = _buffers(element, where)
            numbers = numbers + buffers
            each = each + for_each
        if element.tag == "lengthrange":
            each += 10 * _simulated_steps(element, where)
        if elements > MAX_ELEMENTS or numbers + each * elements > MAX_NUMBERS:
            most = f"{MAX_ELEMENTS:,} elements or {MAX_NUMBERS:,} numbers"
            raise BadInput(f"{where(element)}: it brings the model above {most}; make it smaller")
        below = times * count if element.tag == "replicate" else times
        stack += [(child, below, default or element.tag == "default") for child in element]


def _size(element: ElementTree.Element, name: str, where: Where) -> float:
    """Multiplies an attribute's numbers, each taken as at least 1."""
    try:
        values = [abs(float(value)) for value in element.attrib[name].split()]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise BadInput(f"{where(element)}: {name}={element.attrib[name][:40]!r} is not a number")
    return math.prod(max(1.0, value) for value in values)


def _buffers(element: ElementTree.Element, where: Where) -> tuple[float, float]:
    """Returns what <size> allocates, in all and for each element."""
    memory = element.get("memory", "-1").strip()
    digits = memory.rstrip("KMGTPEkmgtpe")
    unit = 1024 ** " KMGTPE".find(memory[len(digits) :].upper() or " ")
    known = re.fullmatch(r"[0-9]{1,20}", digits) and 1 <= unit * int(digits) <= MAX_MEMORY
    if not known and memory != "-1":
        raise BadInput(f"{where(element)}: memory={memory[:40]!r} should be at most 1G")
    sizes = {n: _size(element, n, where) for n in element.attrib if n != "memory"}
    whole = sum(sizes.pop(name, 0.0) for name in ("nconmax", "njmax", "nstack", "nuserdata"))
    return whole, sum(sizes.values())


def _simulated_steps(element: ElementTree.Element, where: Where) -> float:
    """Counts the steps that <lengthrange> simulates for one actuator."""
    total = element.get("inttotal", "10")
    step = element.get("timestep", "0.01")
    try:
        steps = float(total) / float(step)
    except (ValueError, ZeroDivisionError):
        steps = math.nan
    if not 0 <= steps <= MAX_NUMBERS:
        raise BadInput(
            f"{where(element)}: {total[:40]!r} s in steps of {step[:40]!r} s is too long"
        )
    return steps


def _take_files(
    path: Path, root: ElementTree.Element, where: Where
) -> tuple[dict[str, bytes], dict[ElementTree.Element, int]]:
    """Reads the files that the tree names, and gives them names of ours in the tree.

    MuJoCo tells files in memory apart by the last part of their path alone, and looks on the disk
    for those that it does not find: so each gets a number, and paths are resolved here.

    Returns:
      name -> content, and element -> how many numbers its files hold.
    """
    files = {}
    held = {}
    taken = {}
    folders = _take_folders(root)
    for element in root.iter():
        for name in [name for name in element.attrib if name.startswith("file")]:
            value = PurePosixPath(element.attrib[name])
            value = PurePosixPath(value.name) if folders["strippath"] == "true" else value
            kind = "texturedir" if element.tag == "texture" else "meshdir"
            said = f"{where(element)}: {name}={str(value)[:80]!r}"
            file = _inside(path, Path(folders[kind], value), said), value.suffix.lower()
            if file not in taken:
                number = f"{len(taken)}{file[1]}"
                files[number] = _read(file[0], MAX_FILES - sum(map(len, files.values())))
                room = MAX_NUMBERS - sum(numbers for _, numbers in taken.values())
                taken[file] = number, _numbers_of(*file, files[number], room)
            number, numbers = taken[file]
            held[element] = held.get(element, 0) + numbers
            element.set(name, number)
            if name == "file" and element.tag != "flexcomp" and not element.get("name"):
                element.set("name", value.stem)
    return files, held


def _take_folders(root: ElementTree.Element) -> dict[str, str]:
    """Takes out of the tree what <compiler> says of folders, the last one of each."""
    folders: dict[str, str] = dict.fromkeys(("meshdir", "texturedir", "strippath"), "")
    for compiler in root.iter("compiler"):
        said = compiler.attrib
        both = said.pop("assetdir", None)
        for name in ("meshdir", "texturedir"):
            folders[name] = said.pop(name, folders[name] if both is None else both)
        folders["strippath"] = said.pop("strippath", folders["strippath"])
    return folders


def _inside(path: Path, relative: Path, said: str) -> Path:
    """Finds a file that no symbolic link moves out of the model's folder."""
    try:
        folder = path.parent.resolve(strict=True)
        file = (folder / relative).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput(f"{said} cannot be found below {path.parent}: {_reason(error)}") from None
    if not file.is_relative_to(folder):
        raise BadInput(f"{said} leads out of {path.parent}; copy the file there")
    return file


def _read(path: Path, most: int) -> bytes:
    """Reads a regular file of at most so many bytes."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{path} is not a regular file")
        if status.st_size > most:
            raise BadInput(f"{path} has {status.st_size} bytes; at most {most} are read")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} cannot be read: {_reason(error)}") from None
    if len(content) > most:
        raise BadInput(f"{path} grew beyond {most} bytes")
    return content


def _reason(error: Exception) -> str:
    """Returns what the system says, without the path, which is long or said already."""
    return getattr(error, "strerror", None) or str(error)


def _numbers_of(path: Path, suffix: str, content: bytes, most: int) -> int:
    """Counts the numbers that a file unpacks to, and refuses more than `most`."""
    width = 1
    height = len(content) // 4
    if suffix == ".png":
        if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR" or len(content) < 24:
            raise BadInput(f"{path} is not a PNG image")
        width, height = struct.unpack(">II", content[16:24])
    if width * height > most:
        raise BadInput(f"{path} unpacks to {width * height} numbers; {most} are left to the model")
    if suffix == ".png":
        _check_unpacked(path, content, 2 * height * (8 * width + 1) + 100)
    return width * height


def _check_unpacked(path: Path, content: bytes, most: int) -> None:
    """Unpacks a PNG's pixels, a piece at a time, since MuJoCo would unpack more than it claims."""
    stream = zlib.decompressobj()
    held = 0
    try:
        for data in _pixel_chunks(content):
            while data and held <= most:
                held += len(stream.decompress(data, 1 << 20))
                data = stream.unconsumed_tail
    except zlib.error as error:
        raise BadInput(f"{path} is damaged: {error}") from None
    if held > most:
        raise BadInput(f"{path} unpacks to more than the pixels that it claims")


def _pixel_chunks(content: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        if kind == b"IDAT":
            yield content[place + 8 : place + 8 + length]
        place += 12 + length
