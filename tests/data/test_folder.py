import numpy as np
import pytest
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data import open_images
from jaxdl.data.folder import decode, image_folder, list_images


@pytest.fixture
def folder(tmp_path):
    for part, rows in (("train", 5), ("val", 2)):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(rows):
                image = Image.new("RGB", (30 + 5 * i, 24), (100 * label, 10 * i, 50))
                image.save(tmp_path / part / name / f"{i}.png")
    return tmp_path


def test_a_batch_is_a_function_of_seed_step_and_rows(folder):
    data = image_folder(folder, batch_size=4, size=8)
    whole = data.fetch(3, 1, np.arange(4))
    assert whole.shape == (4, 8, 8, 3)
    assert whole.dtype == np.uint8
    again = image_folder(folder, batch_size=4, size=8)
    np.testing.assert_array_equal(again.fetch(3, 1, np.array([2, 3])), whole[2:])
    assert not np.array_equal(data.fetch(4, 1, np.arange(4)), whole)


def test_an_epoch_holds_every_image_once(folder):
    data = image_folder(folder, batch_size=5, size=8)
    for epoch in (0, 1):
        colors = np.concatenate([data.fetch(0, 2 * epoch + i, np.arange(5)) for i in (0, 1)])
        assert len({tuple(image[0, 0]) for image in colors}) == 10


def test_the_middle_is_kept_with_the_shorter_side_resized(folder):
    path = folder / "gradient.png"
    columns = np.tile(np.arange(64, dtype=np.uint8), (16, 1))
    Image.fromarray(columns).save(path)  # gray, 16 high and 64 wide
    got = decode(path, 8)
    assert got.shape == (8, 8, 3)
    np.testing.assert_allclose(got[4, :, 0], 24.5 + 2 * np.arange(8), atol=1)


def test_the_probe_reads_its_pictures_when_it_needs_them(folder):
    source = open_images("imagenet", folder, probe_images=6)
    assert source.shape == (256, 256, 3)
    data = source.probe()
    images = data.read(range(10))
    assert images.shape == (10, 256, 256, 3)
    np.testing.assert_array_equal(images[:6, 0, 0, 0], 100 * data.train_labels)
    np.testing.assert_array_equal(images[6:, 0, 0, 0], 100 * data.test_labels)
    assert data.num_classes == 2
    np.testing.assert_array_equal(np.bincount(data.train_labels), [3, 3])


def test_pictures_without_labels_have_no_probe(tmp_path):
    for i in range(4):
        Image.new("RGB", (20, 20), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
    for place in (tmp_path, tmp_path.parent):  # the folder itself, or one of its subfolders
        source = open_images("imagenet", place)
        assert source.training(4).fetch(0, 0, np.arange(4)).shape == (4, 256, 256, 3)
        data = source.probe()
        assert data.num_classes == 0 and len(data.test_labels) == 0
        assert data.read(range(2)).shape == (2, 256, 256, 3)


def test_hidden_files_are_no_pictures(folder):
    count = len(list_images(folder / "train").files)
    (folder / "train" / "cat" / "._0.png").write_bytes(b"Mac OS X")
    (folder / "train" / ".DS_Store.png").write_bytes(b"Mac OS X")
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / ".cache" / "0.png").write_bytes(b"no picture")
    listing = list_images(folder / "train")
    assert len(listing.files) == count
    assert listing.classes == ["cat", "dog"]


def test_broken_files_are_left_out_named_and_counted(folder, capsys):
    for name in ("3.png", "4.png"):
        (folder / "train" / "dog" / name).write_bytes(b"\x89PNG and nothing else")
    with pytest.raises(BadInput, match="cannot be decoded"):
        image_folder(folder, batch_size=10, size=8).fetch(0, 0, np.arange(10))
    data = image_folder(folder, batch_size=10, size=8, skip_broken=True)
    whole = data.fetch(0, 0, np.arange(10))
    assert len({tuple(image[0, 0]) for image in whole}) == 8
    np.testing.assert_array_equal(data.fetch(0, 0, np.arange(4, 7)), whole[4:7])
    error = capsys.readouterr().err
    assert "broken file 1 is left out" in error and "broken file 2 is left out" in error
    for name in ("3.png", "4.png"):
        assert sum(line.count(f"dog/{name} cannot") for line in error.splitlines()) == 1
    probe = open_images("imagenet", folder, skip_broken=True).probe()
    assert len(probe.train_labels) == 8
    for file in (folder / "train").glob("*/*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="all 10 image files are broken"):
        data.fetch(0, 0, np.arange(1))


def test_neighboring_seeds_share_no_order(folder):
    data = image_folder(folder, batch_size=10, size=8)
    orders = {data.fetch(seed, 0, np.arange(10)).tobytes() for seed in (2**63, 2**63 + 1, 5, 6)}
    assert len(orders) == 4


def test_what_cannot_be_read_is_told(folder, tmp_path):
    with pytest.raises(BadInput, match="batch_size=11 should be 1 to 10"):
        image_folder(folder, batch_size=11, size=8)
    with pytest.raises(BadInput, match=r"there is no folder .*train\.\s(?s:.*)ImageNet"):
        image_folder(tmp_path / "nowhere", batch_size=1, size=8)
    (folder / "empty" / "train").mkdir(parents=True)
    with pytest.raises(BadInput, match="holds no images"):
        image_folder(folder / "empty", batch_size=1, size=8)
    (folder / "train" / "cat" / "0.png").write_bytes(b"\x89PNG and nothing else")
    with pytest.raises(BadInput, match=r"0\.png cannot be decoded"):
        open_images("imagenet", folder).probe().read(range(10))
    with pytest.raises(BadInput, match="--data_dir is not given"):
        open_images("imagenet", "").training(1)
    (folder / "val" / "bird").mkdir()
    with pytest.raises(BadInput, match="do not have the same classes"):
        open_images("imagenet", folder).probe()
