import numpy as np
import pytest
from PIL import Image

from jaxdl.core.run import BadInput
from jaxdl.data.folder import decode, image_folder, load_folder


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


def test_a_part_is_held_in_memory_for_the_probe(folder):
    data = load_folder(folder, size=8, train_rows=6, test_rows=0)
    assert data.train_images.shape == (6, 8, 8, 3)
    assert data.test_images.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(data.train_images[:, 0, 0, 0], 100 * data.train_labels)
    assert data.num_classes == 2


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
        load_folder(folder, size=8, train_rows=0, test_rows=0)
