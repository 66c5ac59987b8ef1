"""Files that lie about their size, unpack without end, or are not what their name says."""

import bz2
import gzip
import io
import os
import signal
import struct
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from jaxdl.core.run import BadInput
from jaxdl.data import load, open_images
from jaxdl.data.folder import decode, list_images
from jaxdl.data.formats import read_idx, read_npz

Image.init()  # loads its readers now, so that they do not count as memory that a test takes

TERA = 2**40


def refused(reader, *arguments, most=1_000_000):
    """The message of a refusal on one line, reached within `most` bytes of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(BadInput) as error:
            reader(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert peak < most, f"{peak} bytes for: {message}"
    assert message.isprintable() and len(message) < 800
    return message


def npy(shape="(12,)", descr="'|u1'", content=bytes(12), version=(1, 0), length=None, header=None):
    if header is None:
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", length or len(header))
    return b"\x93NUMPY" + bytes(version) + size + header.encode("latin1") + content


def archive(path, content, *, method=zipfile.ZIP_STORED, size=None, packed=None, name="x.npy"):
    """A zip file with one member, whose directory may lie."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(name, content)
        entry = file.infolist()[0]
        entry.file_size, entry.compress_size = (
            size or entry.file_size,
            packed or entry.compress_size,
        )
    return path


def test_terabytes_are_not_allocated_on_the_word_of_an_npz(tmp_path):
    path = tmp_path / "x.npz"
    lie = npy(f"({TERA},)")
    whole = TERA + len(lie) - 12
    assert f"claims ({TERA},) uint8" in refused(read_npz, archive(path, lie), ("x",))
    archive(path, lie, size=whole)
    assert f"claims to unpack to {whole} bytes" in refused(read_npz, path, ("x",))
    archive(path, lie, size=whole, packed=whole)  # header and directory agree on the lie
    assert "packed bytes, but holds" in refused(read_npz, path, ("x",))
    small = 2**25  # a lie that could be true is found out when the content ends
    lie = npy(f"({small},)")
    archive(path, lie, size=small + len(lie) - 12, method=zipfile.ZIP_DEFLATED)
    assert "cannot be read as .npz" in refused(read_npz, path, ("x",), most=3 * small)


def test_bombs_are_refused_and_honest_zeros_are_read(tmp_path):
    path, bomb = tmp_path / "x.npz", bytes(200_000_000)
    archive(path, npy(f"({len(bomb)},)", content=bomb), method=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 300_000
    assert "claims to unpack to 2000" in refused(read_npz, path, ("x",))
    images = tmp_path / "images.gz"
    images.write_bytes(gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", len(bomb)) + bomb))
    assert "claims 200000000 bytes (200000000,); it may hold" in refused(read_idx, images, 1)
    np.savez_compressed(path, x=np.zeros((1000, 28, 28), np.uint8))  # shrinks by more than 100
    assert read_npz(path, ("x",))[0].shape == (1000, 28, 28)


def test_other_compressions_and_encryption_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    bomb = npy(f"({TERA // 2**14},)", content=bytes(TERA // 2**14))
    assert len(bz2.compress(bomb)) < 200  # grows by far more than deflate
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        archive(path, bomb, method=method)
        assert "'x' is not packed by deflate" in refused(read_npz, path, ("x",))
    content = bytearray(archive(path, npy()).read_bytes())
    for place in (6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1  # the flag that says that it is encrypted
    path.write_bytes(content)
    assert "password required" in refused(read_npz, path, ("x",))
    content = bytearray(archive(path, npy()).read_bytes())
    content[content.index(b"NUMPY") + 100] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refused(read_npz, path, ("x",))


def test_members_are_read_by_name_and_nothing_is_written(tmp_path):
    path = tmp_path / "in" / "x.npz"
    path.parent.mkdir()
    for name in ("../x.npy", "/x.npy", "x.npy/../../y.npy", "a\x1b[31m\n.npy", "..\\x.npy"):
        archive(path, npy(), name=name)
        assert "has no array 'x'; it holds" in refused(read_npz, path, ("x",))
        assert [p.name for p in tmp_path.rglob("*")] == ["in", "x.npz"]
    archive(path, npy(), name="../x.npy")
    np.testing.assert_array_equal(read_npz(path, ("../x",))[0], np.zeros(12))
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "x.npz"]
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", npy())
        file.writestr("x.npy", npy("(3, 4)"))
    assert "has two arrays 'x'" in refused(read_npz, path, ("x",))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(tmp_path, version):
    path = archive(tmp_path / "x.npz", npy("(3, 4)", content=bytes(range(12)), version=version))
    np.testing.assert_array_equal(read_npz(path, ("x",))[0], np.arange(12).reshape(3, 4))
    archive(
        path, npy("(2,)", descr="[('a', '|u1'), ('b', '<u2'), ('c', '|u1', (3,))]", version=version)
    )
    assert read_npz(path, ("x",))[0].dtype.names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"descr": "'|O'"}, "holds Python objects"),
        ({"descr": "[('a', '|u1'), ('b', [('c', '|O')])]"}, "holds Python objects"),
        ({"shape": "(-3, -4)"}, "claims (-3, -4) uint8 = 12 bytes"),
        ({"shape": "(-12,)"}, "claims (-12,) uint8 = -12 bytes, holds 12"),
        ({"shape": f"({2**70}, 0)"}, "claims"),
        ({"shape": f"({2**32}, {2**32})"}, f"= {2**64} bytes"),
        ({"shape": "(0,)", "content": b""}, "is empty: (0,)"),
        ({"shape": f"({2**60},)", "descr": "'|V0'", "content": b""}, "is empty"),
        ({"descr": "('|u1', (1073741824,))"}, f"= {12 * 2**30} bytes"),
        ({"shape": "(12.0,)"}, "header that cannot be read"),
        ({"shape": "12"}, "header that cannot be read"),
        ({"descr": "'garbage'"}, "header that cannot be read"),
        ({"descr": "None"}, "header that cannot be read"),
        ({"header": ""}, "header that cannot be read"),
        ({"header": "("}, "header that cannot be read"),
        ({"header": "(" * 5000}, "header that cannot be read"),
        ({"header": "'''"}, "header that cannot be read"),
        ({"header": "  a\n b"}, "header that cannot be read"),
        ({"header": "open('/tmp/x', 'w')"}, "header that cannot be read"),
        ({"version": (2, 0), "length": 2**32 - 1}, "header that cannot be read"),
        ({"version": (2, 0), "length": 9_999}, "header that cannot be read"),
        ({"version": (9, 9)}, "cannot be read as .npz"),
    ],
)
def test_headers_that_lie_or_are_no_headers_are_refused(tmp_path, claim, message):
    path = archive(tmp_path / "x.npz", npy(**claim))
    assert message in refused(read_npz, path, ("x",), most=4_000_000)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_headers_are_not_believed(tmp_path, rank, suffix):
    path = tmp_path / f"images{suffix}"
    pack = gzip.compress if suffix else bytes
    path.write_bytes(pack(bytes((0, 0, 8, rank)) + b"\xff" * 4 * rank + bytes(9)))
    assert f"claims {(2**32 - 1) ** rank} bytes" in refused(read_idx, path, rank)
    path.write_bytes(pack(bytes((0, 0, 8, rank)) + bytes(4) + b"\xff" * 4 * (rank - 1)))
    assert "is empty: (0," in refused(read_idx, path, rank)[:200]


def test_files_with_holes_are_not_read_into_memory(tmp_path):
    path = tmp_path / "images"
    with path.open("wb") as file:
        file.write(b"\0\0\x08\x03" + struct.pack(">3I", 2**20, 2**10, 2**10))
        file.truncate(16 + TERA)
    assert "it may hold 8589934592 at most" in refused(read_idx, path, 3)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        with (tmp_path / f"{name}.bin").open("wb") as file:
            file.truncate(3073 * 2**28)
    assert "are more than can be held in memory" in refused(load, "cifar10", tmp_path)


def jpegs(folder, blob, offsets, labels):
    for half in ("train", "test"):
        np.savez(folder / f"cifar10_jpeg_{half}.npz", blob=blob, offsets=offsets, labels=labels)
    return refused(load, "cifar10", folder)


def picture(kind, size=(32, 32), **options):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 100, 50)).save(file, kind, **options)
    return file.getvalue()


def test_offsets_and_labels_are_not_believed(tmp_path):
    blob = np.frombuffer(picture("JPEG") * 2, np.uint8)
    half, end = len(blob) // 2, len(blob)
    for offsets in ([0, end, half], [half, 0, end], [0, half, end + 1], [2**64 - 1, half, end]):
        message = jpegs(tmp_path, blob, np.array(offsets, np.uint64), np.arange(2))
        assert "offsets point outside of blob" in message
    offsets = np.array([0, half, end])
    assert "do not belong together" in jpegs(tmp_path, blob, offsets, np.array(1))
    assert "do not belong together" in jpegs(tmp_path, blob, offsets[0], np.arange(2))
    assert "'labels' is empty" in jpegs(tmp_path, blob, offsets[:1], np.arange(0))
    assert "do not belong together" in jpegs(tmp_path, blob, offsets.astype(float), np.arange(2))


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n"


def test_what_is_no_jpeg_or_png_starts_no_program(tmp_path, monkeypatch):
    def start(*arguments, **options):
        raise AssertionError("Ghostscript would have been started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    with Image.open(io.BytesIO(POSTSCRIPT)) as image, pytest.raises(AssertionError):
        image.load()  # which is what Pillow does with it by itself
    (tmp_path / "x.png").write_bytes(POSTSCRIPT)
    assert "x.png cannot be decoded" in refused(decode, tmp_path / "x.png", 8)
    blob = np.frombuffer(POSTSCRIPT, np.uint8)
    message = jpegs(tmp_path, blob, np.array([0, len(blob)]), np.arange(1))
    assert "image 0 cannot be decoded" in message
    for kind in ("GIF", "BMP", "TIFF", "WEBP", "PPM"):
        (tmp_path / "x.png").write_bytes(picture(kind))
        assert "x.png cannot be decoded" in refused(decode, tmp_path / "x.png", 8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, extra=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(bytes(99)))


@contextmanager
def at_most(seconds):
    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_image_bombs_are_refused_before_a_pixel_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    monkeypatch.setattr(Image.Image, "convert", None)
    for size in ((60_000, 60_000), (8_000, 8_000), (2**31 - 1, 1), (1, 2**31 - 1)):
        path.write_bytes(png(*size))
        assert "cannot be decoded" in refused(decode, path, 8)
    path.write_bytes(png(0, 0))
    assert "cannot be decoded" in refused(decode, path, 8)
    path.write_bytes(png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**28)))))
    assert "cannot be decoded" in refused(decode, path, 8, most=10_000_000)


def test_a_strip_is_not_blown_up(tmp_path):
    for size in ((1, 60_000), (60_000, 1)):
        (tmp_path / "x.png").write_bytes(picture("PNG", size))
        image = decode(tmp_path / "x.png", 224)
        assert image.shape == (224, 224, 3)
        assert (image == (200, 100, 50)).all()


def test_cut_images_pipes_and_links_are_told(tmp_path):
    path = tmp_path / "x.jpg"
    whole = picture("JPEG", (300, 300))
    for cut in (len(whole) - 20, 300, 2, 0):
        path.write_bytes(whole[:cut])
        assert "x.jpg cannot be decoded" in refused(decode, path, 8)
    path.unlink()
    os.mkfifo(path)
    with at_most(5):
        assert "not a regular file" in refused(decode, path, 8)
    path.unlink()
    for target in ("/dev/zero", "nowhere", "x.jpg"):
        path.symlink_to(target)
        assert "x.jpg cannot be decoded: " in refused(decode, path, 8)
        path.unlink()


@pytest.mark.parametrize(
    "name", [b"a\n\x1b[31mb.png", b"\xff\xfe.png", b"<img onerror=x>.png", b"n" * 251 + b".png"]
)
def test_names_of_files_cannot_write_to_the_terminal(tmp_path, name):
    folder = tmp_path / "train" / "class\n\x1b[2J"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(name)).write_bytes(b"no image")
    (file,), labels, classes = list_images(tmp_path / "train")
    assert refused(decode, file, 8).isprintable()
    (folder / os.fsdecode(name)).write_bytes(picture("PNG"))
    assert decode(file, 8).shape == (8, 8, 3)


def test_linked_classes_are_read_one_level_deep(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/0.png").write_bytes(picture("PNG"))
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "cat").symlink_to(tmp_path / "elsewhere")
        (tmp_path / part / "loop").symlink_to(".")  # lists its own folders, which are no images
        (tmp_path / part / "broken").symlink_to("nowhere")
    data = open_images("imagenet", tmp_path).probe()
    assert data.read(range(1)).shape == (1, 256, 256, 3)
    assert data.num_classes == 2
