"""MAE: masked autoencoders are scalable vision learners (He et al. 2021, arXiv 2111.06377)."""

from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, update
from jaxdl.core.run import BadInput
from jaxdl.data.augment import Augment
from jaxdl.data.colors import as_floats
from jaxdl.losses.masked import masked_patch_loss, patch_statistics
from jaxdl.nn.masked_vit import MaskedAutoencoder, Masking, draw_masking
from jaxdl.nn.vit import ViT, patch_grid, patchify, unpatchify
from jaxdl.vision.pretexts import pretext_learner
from jaxdl.vision.probe import Probe


def mae(
    net: MaskedAutoencoder,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    augment: Augment | None = None,
    mask_ratio: float = 0.75,
    normalize: bool = True,
    probe: Probe | None = None,
) -> Learner:
    """Learns features of images by filling in the patches that the encoder does not see.

    Args:
      net: the encoder and the decoder.
      tx: the optimizer.
      image_shape: (H, W, C) of the images in a batch.
      augment: key, images [B, H, W, C] in [0, 1] -> views, such as crops; None for none.
      mask_ratio: share of the patches that are not seen (section 3).
      normalize: each patch is predicted after it is normalized by its own mean and deviation.
      probe: evaluates the mean over the encoder's patches, such as `jaxdl.vision.linear_probe`.

    Returns:
      A learner of batches [B, H, W, C], bytes or floats in [0, 1]. Its metrics are the loss and
      norms. Its evaluation is the probe's, with `masked` and `rebuilt` [P, H, W, C] of its
      `pictures` [P, H, W, C].

    Raises:
      BadInput: patches do not divide the images, or all or none of them would be masked.
    """
    shown = image_shape
    if augment is not None:
        images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
        shown = jax.eval_shape(augment, jax.random.key(0), images).shape[1:]
    kept_patches(net.encoder, image_shape, mask_ratio)  # the probe takes images as they are

    def mask(key, images):
        rows, columns = patch_grid(images.shape[1:], net.encoder.patch)
        kept = kept_patches(net.encoder, images.shape[1:], mask_ratio)
        return draw_masking(key, len(images), rows * columns, kept)

    def init(key):
        init_key, mask_key = jax.random.split(key)
        images = jnp.zeros((1, *shown))
        params = net.init(init_key, images, mask(mask_key, images), True)["params"]
        return TrainState(params, tx.init(params))

    def step(key, state, images):
        view_key, mask_key, drop_key = jax.random.split(key, 3)
        images = as_floats(images)
        views = images if augment is None else augment(view_key, images)
        masking = mask(mask_key, views)
        patches = patchify(views, net.encoder.patch)

        def loss_of(params):
            rngs = {"dropout": drop_key}
            predictions = net.apply({"params": params}, views, masking, True, rngs=rngs)
            return masked_patch_loss(predictions, patches, masking.is_masked, normalize=normalize)

        loss, gradient = jax.value_and_grad(loss_of)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": loss} | norms

    def show(key, state, pictures):
        images = as_floats(pictures)
        masking = mask(key, images)
        rebuilt = rebuild(net, state, images, masking, normalize=normalize)
        return {"masked": hide(images, masking, net.encoder.patch), "rebuilt": rebuilt}

    return pretext_learner(init, step, probe, partial(encode_whole, net), show)


def kept_patches(encoder: ViT, image_shape: tuple[int, int, int], mask_ratio: float) -> int:
    """Returns how many patches of an image are seen.

    Raises:
      BadInput: patches do not divide the images, or all or none of them would be masked.
    """
    rows, columns = patch_grid(image_shape, encoder.patch)
    kept = int(rows * columns * (1 - mask_ratio) + 1e-6)  # 0.1 of 10 is 1
    if not 1 <= kept < rows * columns:
        raise BadInput(
            f"mask_ratio={mask_ratio:g} leaves {kept} of {rows * columns} patches to be seen"
        )
    return kept


def encode_whole(net: MaskedAutoencoder, state: TrainState, images: jax.Array) -> jax.Array:
    """Returns the mean over the encoder's patches, of which all are seen.

    Args:
      net: whose encoder is trained.
      state: of its `params` the encoder's are read.
      images: [B, H, W, C] bytes, or floats in [0, 1].

    Returns:
      [B, D] float32.
    """
    encoder = net.encoder.clone(parent=None, name=None)
    images = as_floats(images)
    grid = patch_grid(images.shape[1:], encoder.patch)
    patches = patchify(images, encoder.patch)
    variables = {"params": state.params["encoder"]}
    tokens = encoder.apply(variables, patches, None, grid, False, method="encode")
    return jnp.mean(tokens[:, -patches.shape[1] :], axis=1)


def rebuild(
    net: MaskedAutoencoder,
    state: TrainState,
    images: jax.Array,
    masking: Masking,
    *,
    normalize: bool,
) -> jax.Array:
    """Fills the masked patches of images by what the net predicts.

    Normalized predictions say nothing of a patch's mean and deviation; these are the true ones.

    Args:
      net: whose parameters are in `state`.
      state: of a learner.
      images: [B, H, W, C] floats in [0, 1].
      masking: of their patches.
      normalize: as the net was trained.

    Returns:
      [B, H, W, C] in [0, 1].
    """
    patch = net.encoder.patch
    patches = patchify(images, patch)
    predictions = net.apply({"params": state.params}, images, masking, False)
    if normalize:
        mean, deviation = patch_statistics(patches)
        predictions = predictions * deviation + mean
    filled = jnp.where(masking.is_masked[..., None], predictions, patches)
    return jnp.clip(unpatchify(filled, patch, images.shape[1:]), 0.0, 1.0)


def hide(images: jax.Array, masking: Masking, patch: int) -> jax.Array:
    """Paints the masked patches of images [B, H, W, C] gray."""
    patches = jnp.where(masking.is_masked[..., None], 0.5, patchify(images, patch))
    return unpatchify(patches, patch, images.shape[1:])
