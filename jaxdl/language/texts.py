"""Where text comes from: Python's own documentation, a folder, a file or an archive of texts.

No JAX here, and nothing is read before documents are asked for.
"""

import ast
import codecs
import hashlib
import os
import platform
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from jaxdl.core.run import BadInput

EMBEDDED = ("python", "topics", "source")
SUFFIXES = (".md", ".py", ".rst", ".text", ".tokens", ".txt")
MAX_BYTES = 2**33  # of one document, which is held in memory
TESTS = {"test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages"}
MARKS = (  # that a file begins with, the longer ones first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HELP = f"""text is one of
  python (docstrings and topics of Python's own library), topics (these alone), source (its code)
  a folder with files {" ".join(SUFFIXES)}, a .zip of such, or one file, whose end is held out"""


class Document(NamedTuple):
    """One text.

    Attributes:
      name: where it is from.
      text: never blank.
      order: documents are held out in this order, the lowest first; None: in that of their hashes.
    """

    name: str
    text: str
    order: int | None = None


class Texts(NamedTuple):
    """Documents that have not been read yet.

    Attributes:
      name: what they were asked for by.
      documents: () -> an iterator over them, the same at every call.
      identity: tells these documents from others without reading them: their names and sizes, or
        the version of Python.
    """

    name: str
    documents: Callable[[], Iterator[Document]]
    identity: str


def open_texts(
    name: str | os.PathLike,
    *,
    held_out: float = 0.1,
    encoding: str = "",
    on_broken: Callable[[BadInput], None] | None = None,
) -> Texts:
    """Prepares to read documents, in the order of their paths.

    Args:
      name: "python", "topics", "source", or a path.
      held_out: which share of a single file's letters, at its end, is a document of its own.
      encoding: of the files, as in `decode_text`.
      on_broken: what is done about files that are no text; by default the error is raised.

    Raises:
      BadInput: there is no such text.
    """
    if name in EMBEDDED:
        edition = f"{name} of Python {platform.python_version()}"
        return Texts(str(name), lambda: iter(_embedded(str(name))), edition)
    path = Path(name)
    if path.is_dir():
        files = list_files(path)
        entries = [(str(file.relative_to(path)), file.stat().st_size) for file in files]
        documents = partial(_of_files, path, files, encoding, on_broken)
    elif path.is_file() and path.suffix.lower() == ".zip":
        entries = [(entry.filename, entry.CRC) for entry in _members(path)]
        documents = partial(_of_archive, path, encoding, on_broken)
    elif path.is_file():
        entries = [(path.name, path.stat().st_size), ("held out", held_out)]
        documents = partial(_of_one_file, path, encoding, held_out)
    else:
        raise BadInput(f"there is no text {str(name)!r}; {HELP}")
    listing = f"{encoding} {sorted(entries)}".encode(errors="surrogatepass")
    return Texts(str(name), documents, hashlib.sha256(listing).hexdigest()[:16])


def list_files(folder: Path) -> list[Path]:
    """Lists the text files below a folder by their paths, without hidden ones.

    Raises:
      BadInput: there are none.
    """
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if _is_text(name)]
    found = sorted((path for path in found if path.is_file()), key=Path.as_posix)
    if not found:
        raise BadInput(f"{folder} holds no files {' '.join(SUFFIXES)}")
    return found


def decode_text(content: bytes, name: str, encoding: str = "") -> str:
    """Decodes a file, whose byte order mark is no part of the text.

    Args:
      content: all of it.
      name: for messages.
      encoding: by default that of the mark, or UTF-8. Of several, such as "utf-8,latin-1", the
        first that fits is taken.

    Raises:
      BadInput: none fits, with the place of the first byte that does not.
    """
    marked = next((kind for mark, kind in MARKS if content.startswith(mark)), "utf-8")
    for kind in encoding.split(",") if encoding else (marked,):
        try:
            return content.decode(kind)
        except UnicodeDecodeError as error:
            refusal = f"{name} is not {kind}: {error.reason} at byte {error.start}"
        except LookupError:
            raise BadInput(f"there is no encoding {kind!r}") from None
    raise BadInput(f"{refusal}; older files are often latin-1, which may be asked for")


def read_file(path: Path, encoding: str = "") -> str:
    """Reads one file, decoded as by `decode_text`.

    Raises:
      BadInput: it is not there, too large, or no text.
    """
    return decode_text(_bytes_of(path), str(path), encoding)


def python_files() -> list[Path]:
    """Lists the source of Python's own library by path, without its tests."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in TESTS and "config-" not in name]
        # _sysconfigdata_*.py tells how this Python was built, and differs between machines.
        found += [
            Path(folder, name)
            for name in files
            if name.endswith(".py") and not name.startswith("_sysconfigdata")
        ]
    return sorted(found, key=Path.as_posix)


def docstrings(source: str) -> list[str]:
    """Returns the docstrings of modules, classes and functions, in the order of the source."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    found = [ast.get_docstring(node) for node in nodes]
    return [text for text in found if text and text.strip()]


@lru_cache(maxsize=3)
def _embedded(name: str) -> list[Document]:
    """Python's own text, read once in a process: to parse its library takes four seconds."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for path in python_files() if name != "topics" else ():
        with suppress(OSError, SyntaxError, ValueError):  # files for other versions
            source = path.read_text(encoding="utf-8")
            text = source if name == "source" else "\n\n".join(docstrings(source))
            found.append(Document(path.relative_to(root).as_posix(), text))
    if name != "source":
        from pydoc_data.topics import topics

        found += [Document(f"pydoc_data/topics/{topic}", topics[topic]) for topic in sorted(topics)]
    return [document for document in found if document.text.strip()]


def _of_files(
    root: Path, files: list[Path], encoding: str, on_broken: Callable | None
) -> Iterator[Document]:
    for path in files:
        text = _read(lambda path=path: _bytes_of(path), str(path), encoding, on_broken)
        if text.strip():
            yield Document(path.relative_to(root).as_posix(), text)


def _of_one_file(path: Path, encoding: str, held_out: float) -> Iterator[Document]:
    """The file in two documents, of which the second is held out first."""
    text = read_file(path, encoding)
    cut = int((1 - held_out) * len(text))
    for order, part in ((1, text[:cut]), (0, text[cut:])):
        if part.strip():
            yield Document(path.name, part, order)


def _of_archive(path: Path, encoding: str, on_broken: Callable | None) -> Iterator[Document]:
    for entry in _members(path):
        name = f"{path}/{entry.filename}"
        text = _read(lambda entry=entry: read_member(path, entry), name, encoding, on_broken)
        if text.strip():
            yield Document(entry.filename, text)


def read_member(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """Reads one file of an archive, of at most the size that packed bytes may have.

    Raises:
      BadInput: it is damaged, encrypted, or larger.
    """
    from jaxdl.data.formats import as_bad_input, max_unpacked_bytes

    most = max_unpacked_bytes(path, entry.compress_size)
    if entry.file_size > most:
        raise BadInput(f"{path}: {entry.filename!r} claims to unpack to {entry.file_size} bytes")
    with as_bad_input(f"{path} cannot be read"), zipfile.ZipFile(path) as archive:
        return archive.read(entry)


def _members(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    found = [x for x in entries if _is_text(x.filename.rpartition("/")[2])]
    if not found:
        raise BadInput(f"{path} holds no files {' '.join(SUFFIXES)}")
    return sorted(found, key=lambda entry: entry.filename)


def _read(read: Callable[[], bytes], name: str, encoding: str, on_broken: Callable | None) -> str:
    """The text of a file, or "" where it is broken and left out."""
    try:
        return decode_text(read(), name, encoding)
    except BadInput as error:
        if on_broken is None:
            raise
        on_broken(error)
        return ""


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is too large for one document: {path.stat().st_size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def _is_text(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
