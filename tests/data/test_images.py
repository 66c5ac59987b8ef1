import gzip
import io
import re
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data import first_rows, image_shape, load, rows_per_class
from jaxdl.data.formats import read_idx, read_npz
from jaxdl.data.images import balanced_order

RNG = np.random.default_rng(0)


def idx(array, code=8):
    header = bytes((0, 0, code, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder, rows=30, suffix=""):
    arrays = {}
    for half in ("train", "t10k"):
        arrays[half] = RNG.integers(0, 256, (rows, 28, 28), np.uint8), np.arange(rows) % 10
        for name, array in zip(("images-idx3", "labels-idx1"), arrays[half], strict=True):
            content = idx(array)
            content = gzip.compress(content) if suffix else content
            (folder / f"{half}-{name}-ubyte{suffix}").write_bytes(content)
    return arrays


def refused(reader, *arguments):
    with pytest.raises(BadInput) as error:
        reader(*arguments)
    return str(error.value)


def test_digits_need_no_file_and_are_split_in_a_fixed_way():
    data = load("digits")
    assert data.train_images.shape == (1297, 8, 8, 1)
    assert data.test_images.shape == (500, 8, 8, 1)
    assert data.train_images.dtype == data.test_images.dtype == np.uint8
    assert data.train_images.max() == 255
    assert set(data.train_labels[:100]) == set(range(10))
    seen = {image.tobytes() for image in data.train_images}
    assert sum(image.tobytes() in seen for image in data.test_images) == 0
    np.testing.assert_array_equal(load("digits").test_images, data.test_images)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_is_read_from_idx_files(tmp_path, suffix):
    arrays = write_mnist(tmp_path, suffix=suffix)
    data = load("mnist", tmp_path)
    images, labels = arrays["t10k"]
    for image, label in zip(data.test_images[..., 0], data.test_labels, strict=True):
        assert (images[labels == label] == image).all((1, 2)).any()
    assert sorted(data.test_labels) == sorted(labels)
    assert list(data.test_labels) != list(labels)  # shuffled


def test_mnist_is_read_from_npz(tmp_path):
    x, y = RNG.integers(0, 256, (20, 28, 28), np.uint8), np.repeat(np.arange(10, dtype=np.uint8), 2)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    data = load("mnist", tmp_path)
    order = [np.flatnonzero((x == image).all((1, 2)))[0] for image in data.train_images[..., 0]]
    np.testing.assert_array_equal(data.train_labels, y[order])
    assert order != sorted(order)


def test_cifar_is_read_from_binary_batches(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    image = np.zeros((32, 32, 3), np.uint8)
    image[0, 31], image[5, 2] = (10, 20, 30), (40, 50, 60)
    record = bytes([7]) + image.transpose(2, 0, 1).tobytes()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (folder / f"{name}.bin").write_bytes(2 * record)
    data = load("cifar10", tmp_path)
    np.testing.assert_array_equal(data.train_images, [image] * 10)
    np.testing.assert_array_equal(data.test_labels, [7, 7])
    (folder / "data_batch_3.bin").write_bytes(record[:-1])
    message = refused(load, "cifar10", tmp_path)
    assert "data_batch_3.bin" in message
    assert "3072 bytes are not a whole number of records" in message


def write_jpegs(path, sizes=((32, 32),) * 3, cut=0):
    files = []
    for i, size in enumerate(sizes):
        buffer = io.BytesIO()
        Image.new("RGB", size, (60 * i, 100, 200)).save(buffer, "JPEG", quality=95)
        files.append(buffer.getvalue()[: -cut or None])
    blob = np.frombuffer(b"".join(files), np.uint8)
    offsets = np.cumsum([0] + [len(file) for file in files])
    np.savez(path, blob=blob, offsets=offsets, labels=np.arange(len(files), dtype=np.uint8))
    return blob, offsets


def test_cifar_is_read_from_jpeg_bytes(tmp_path):
    for half in ("train", "test"):
        blob, offsets = write_jpegs(tmp_path / f"cifar10_jpeg_{half}.npz")
    data = load("cifar10", tmp_path)
    for image, label in zip(data.test_images, data.test_labels, strict=True):
        np.testing.assert_allclose(image[3, 4], (60 * label, 100, 200), atol=4)
    test = tmp_path / "cifar10_jpeg_test.npz"
    write_jpegs(test, sizes=((32, 32), (32, 31)))
    assert "image 1 is (32, 31)" in refused(load, "cifar10", tmp_path)
    write_jpegs(test, cut=200)
    assert "cannot be decoded" in refused(load, "cifar10", tmp_path)
    np.savez(test, blob=blob, offsets=offsets + 100, labels=np.arange(3))
    assert "outside of blob" in refused(load, "cifar10", tmp_path)
    np.savez(test, blob=blob, offsets=offsets[:-1], labels=np.arange(3))
    assert "do not belong together" in refused(load, "cifar10", tmp_path)


def test_a_missing_file_is_named_with_the_formats_and_where_to_get_it(tmp_path):
    for name, file in (("mnist", "train-images-idx3-ubyte"), ("cifar10", "data_batch_1.bin")):
        message = refused(load, name, tmp_path)
        assert f"{tmp_path} has no {file}" in message
        assert ".npz" in message
        assert "https://" in message
        assert "--data_dir is not given" in refused(load, name)
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert "has no t10k-labels-idx1-ubyte" in refused(load, "mnist", tmp_path)
    assert "did you mean 'mnist'?" in refused(load, "minst", tmp_path)
    assert "is not a directory" in refused(load, "mnist", tmp_path / "nowhere")


def test_images_and_labels_must_match(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(29)))
    assert "do not match" in refused(load, "mnist", tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.full(30, 11)))
    assert "labels should be 0 to 9, found 11 to 11" in refused(load, "mnist", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic number"),
        (idx(np.zeros((2, 3, 3)), code=9), "magic number 00000903, should be 00000803"),
        (idx(np.zeros(9)), "magic number 00000801"),
        (idx(np.zeros((2, 3, 3)))[:9], "truncated within the header"),
        (idx(np.zeros((2, 3, 3)))[:-1], "truncated: (2, 3, 3) needs 18 bytes"),
        (idx(np.zeros((2, 3, 3))) + b"x", "bytes left over"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "claims"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx_files_are_refused(tmp_path, content, message, suffix):
    path = tmp_path / f"images{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert message in refused(read_idx, path, 3)


def test_damaged_compression_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx(RNG.integers(0, 256, (2, 30, 30))))
    for content in (whole[:-20], b"not gzip", whole[:40] + b"\0\0\0\0" + whole[44:]):
        path.write_bytes(content)
        assert "cannot be read" in refused(read_idx, path, 3)


def test_npz_headers_are_compared_with_the_file(tmp_path):
    path = tmp_path / "x.npz"
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros((3, 4), np.uint8))
    for claimed in (b"(9, 9), ", b"(3, 5), "):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", buffer.getvalue().replace(b"(3, 4), ", claimed))
        assert re.search(
            r"claims \(\d, \d\) uint8 = \d+ bytes, holds 12", refused(read_npz, path, ("x",))
        )
    np.savez(path, x=np.array([{}, []], dtype=object), y=np.arange(3))
    assert "Python objects" in refused(read_npz, path, ("x",))
    assert "has no array 'z'; it holds x, y" in refused(read_npz, path, ("z",))
    path.write_bytes(path.read_bytes()[:-30])
    assert "cannot be read as .npz" in refused(read_npz, path, ("y",))
    np.savez_compressed(path, x=np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(read_npz(path, ("x",))[0], np.arange(12).reshape(3, 4))


def test_shapes_are_known_before_images_are_read(tmp_path):
    assert image_shape("digits") == (8, 8, 1)
    assert image_shape("mnist") == image_shape("mnist", tmp_path) == (28, 28, 1)
    assert image_shape("cifar10", tmp_path / "nowhere") == (32, 32, 3)
    x = RNG.integers(0, 256, (20, 28, 20, 4), np.uint8)
    y = np.arange(20) % 10
    for name, arrays in {"colored": x, "gray": x[..., 0]}.items():
        (tmp_path / name).mkdir()
        halves = {"x_train": arrays, "x_test": arrays, "y_train": y, "y_test": y}
        np.savez(tmp_path / name / "mnist.npz", **halves)
    assert image_shape("mnist", tmp_path / "colored") == (28, 20, 4)
    assert image_shape("mnist", tmp_path / "gray") == (28, 20, 1)
    (tmp_path / "gray" / "mnist.npz").write_bytes(b"damaged")
    assert image_shape("mnist", tmp_path / "gray") == (28, 28, 1)
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(RNG.integers(0, 9, (30, 27, 25))))
    assert image_shape("mnist", tmp_path) == (27, 25, 1)


def test_broken_jpegs_are_left_out_and_named(tmp_path, capsys):
    for half in ("train", "test"):
        blob, offsets = write_jpegs(tmp_path / f"cifar10_jpeg_{half}.npz")
    blob = blob.copy()
    blob[offsets[1] : offsets[1] + 50] = 0
    np.savez(tmp_path / "cifar10_jpeg_train.npz", blob=blob, offsets=offsets, labels=np.arange(3))
    assert "image 1 cannot be decoded" in refused(load, "cifar10", tmp_path)
    data = load("cifar10", tmp_path, skip_broken=True)
    assert sorted(data.train_labels) == [0, 2]
    assert len(data.test_labels) == 3
    assert "broken file 1 is left out: " in capsys.readouterr().err


def test_few_labels_are_the_same_number_of_each_class():
    labels = load("digits").train_labels
    rows = rows_per_class(labels, 10, 3, seed=0)
    np.testing.assert_array_equal(np.bincount(labels[rows]), [3] * 10)
    assert len(set(rows)) == 30
    assert list(labels[rows]) != sorted(labels[rows])
    assert set(rows) != set(rows_per_class(labels, 10, 3, seed=1))
    assert "fewer than 1000" in refused(rows_per_class, labels, 10, 1000, 0)


def test_in_a_balanced_order_the_classes_take_turns():
    labels = np.array([2, 2, 0, 2, 0, 1, 2])
    np.testing.assert_array_equal(balanced_order(labels), [0, 2, 5, 1, 4, 3, 6])
    labels = np.random.default_rng(0).integers(0, 100, 20_000)
    first = np.bincount(labels[balanced_order(labels)[:1300]], minlength=100)
    np.testing.assert_array_equal(first, 13)
    assert np.bincount(labels[:1300]).min() < 10  # which a plain draw does not hold


def test_first_rows_cut_both_halves():
    data = load("digits")
    part = first_rows(data, 70, 0)
    np.testing.assert_array_equal(part.train_images, data.train_images[:70])
    assert len(part.train_labels) == 70
    assert len(part.test_labels) == len(part.test_images) == 500


def test_real_mnist_and_cifar(real_data):
    data = load("mnist", real_data / "vision")
    assert data.train_images.shape == (60_000, 28, 28, 1)
    pixels = data.train_images / np.float32(255)
    np.testing.assert_allclose([pixels.mean(), pixels.std()], [0.1307, 0.3081], atol=1e-4)
    np.testing.assert_allclose(np.bincount(data.train_labels[:6000]) / 6000, 0.1, atol=0.02)
