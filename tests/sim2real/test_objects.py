import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.sim2real.objects import FOVY, NEAR, SIDE, Sizes, close_table, come_near, draw_objects
from jaxdl.sim2real.tables import AREA, KINDS, draw_layout, open_table

KEY = jax.random.key(0)


def test_the_camera_comes_near_and_leaves_the_others_table_alone():
    table = close_table()
    assert (table.scene.height, table.scene.width) == (SIDE, SIDE)
    np.testing.assert_array_equal(table.model.cam_fovy, FOVY)
    assert (open_table().model.cam_fovy > 2 * FOVY).all()
    assert len(table.asked) == len(KINDS)


def test_objects_lie_near_the_middle_and_nothing_else_moves():
    table = close_table()
    seen = come_near(table, lambda key, layout: layout)
    layout = jax.jit(lambda key: draw_layout(key, table, 0))
    for key in jax.random.split(KEY, 3):
        before = layout(key)
        after = seen(key, before)
        assert (jnp.abs(after.position[:2]) <= NEAR * AREA + 1e-6).all()
        assert after.position[2] == before.position[2]
        shown = jnp.linalg.norm(after.places - after.position, axis=1)
        assert shown.min() < 1e-6  # it is there
        still = np.setdiff1d(np.arange(len(before.places)), table.things)
        np.testing.assert_array_equal(after.places[still], before.places[still])
        np.testing.assert_array_equal(after.sizes, before.sizes)


@pytest.mark.slow
def test_both_domains_are_drawn_alike_every_time_and_share_no_picture():
    one, two = draw_objects(Sizes(20, 8)), draw_objects(Sizes(12, 16))
    for domain, again in zip(one, two, strict=True):
        assert domain.train_images.shape == (20, SIDE, SIDE, 3)
        assert domain.train_images.dtype == np.uint8 and domain.num_classes == len(KINDS)
        whole = np.concatenate([domain.train_images, domain.test_images])
        np.testing.assert_array_equal(
            whole, np.concatenate([again.train_images, again.test_images])
        )
        assert len({image.tobytes() for image in whole}) == len(whole)
        assert set(domain.train_labels) == set(range(len(KINDS)))
        assert whole.std() > 10
    simulated, real = one
    assert (simulated.train_labels != real.train_labels).any()
