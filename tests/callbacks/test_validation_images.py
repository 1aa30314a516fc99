"""What a logger is given of a validation image stays small, however large the photo is."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fcnlab.callbacks.validation_images import ValidationImages

COLUMNS = np.arange(1200)[None].repeat(900, 0)
LABELS = np.where(COLUMNS < 600, 3, 255).astype(np.uint8)


class Data:
    """One photo of a megapixel, whose left half is of class 3; the right one is void."""

    class_names, palette = ("a", "b", "c", "d"), [[0, 0, 0]] * 4

    def names(self, _: str) -> list[str]:
        return ["photo"]

    def read(self, *_: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.where(COLUMNS[..., None] < 600, 200, [10, 20, 30]).astype(np.uint8), LABELS


@pytest.mark.parametrize("kind", ["W&B", "TensorBoard"])
def test_a_photo_of_a_megapixel_is_shown_with_400_pixels_a_side_and_labels_stay_labels(kind: str) -> None:
    shown: list[Any] = []
    board = SimpleNamespace(add_image=lambda key, image, step, dataformats: shown.append(image))
    logger = (
        SimpleNamespace(log_image=lambda key, images, **more: shown.extend([images[0], *more["masks"][0].values()]))
        if kind == "W&B"
        else SimpleNamespace(experiment=board)
    )
    trainer: Any = SimpleNamespace(is_global_zero=True, sanity_checking=False, loggers=[logger], global_step=7)
    mask = torch.from_numpy(LABELS.astype(np.int64))[None]
    data: Any = Data()
    ValidationImages(data).on_validation_batch_end(
        trainer, None, {"prediction": mask}, {"image": mask, "mask": mask, "name": ["photo"]}
    )
    if kind == "TensorBoard":
        assert shown[0].shape == (300, 3 * 400 + 2 * 4, 3)
        return
    image, *masks = shown
    assert image.shape == (300, 400, 3)
    assert image[0, 0].tolist() == [200] * 3
    for drawn in masks:
        assert drawn["mask_data"].shape == (300, 400)
        assert np.unique(drawn["mask_data"]).tolist() == [3, 255]
