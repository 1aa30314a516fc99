"""Test images side by side show what the runs kept, and mark only what is wrong."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fcnlab.comparison.finished import find_runs, read_runs
from fcnlab.comparison.gallery import agreement, labels, scenes, stripes, write_gallery
from fcnlab.comparison.variants import group
from fcnlab.data.shapes import Shapes
from fcnlab.error import UserError
from fcnlab.visualize import GAP, colour_mask

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
TRUTH = np.array([[0, 1, 2, 255]], np.uint8)
PREDICTION = np.array([[0, 2, 2, 1]], np.uint8)


def test_a_scene_is_image_truth_and_predictions_as_the_data_set_has_them(finished: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    config = variants[0].runs[0].config["data"]
    data = Shapes(**{key: value for key, value in config.items() if key not in ("_target_", "augment")})
    shown = scenes(variants, 3)
    assert [one.name for one in shown] == data.names("test")[:3]
    for number, one in enumerate(shown):
        image, truth = data.read("test", number)
        assert (one.image == image).all()
        assert (one.truth == truth).all()
        for variant, prediction in zip(variants, one.predictions, strict=True):
            with PIL.Image.open(variant.runs[0].folder / "predictions" / f"{one.name}.png") as kept:
                assert (prediction == np.array(kept)).all()


def test_labels_are_read_back_from_colours() -> None:
    assert (labels(colour_mask(TRUTH, PALETTE), PALETTE) == TRUTH).all()


def test_only_wrong_pixels_are_marked_and_void_is_never_wrong() -> None:
    large = np.repeat(np.repeat(TRUTH, 8, axis=0), 8, axis=1), np.repeat(np.repeat(PREDICTION, 8, axis=0), 8, axis=1)
    marked = stripes(*large)[..., 3] > 0
    assert 0.3 < marked[:, 8:16].mean() < 0.7  # stripes: what was predicted shows between them
    assert not marked[:, :8].any()
    assert not marked[:, 16:].any()
    assert agreement(TRUTH, PREDICTION) == pytest.approx(2 / 3)


def test_the_gallery_has_a_row_per_image_and_a_column_per_variant(finished: Path, tmp_path: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    write_gallery(tmp_path / "some" / "strides.png", variants, 2)
    with PIL.Image.open(tmp_path / "some" / "strides.png") as file:
        assert file.size == (4 * 64 + 3 * GAP, 2 * 64 + GAP)
        assert (np.array(file)[:64, :64] == scenes(variants, 1)[0].image).all()
    with pytest.raises(UserError, match="is no .png file"):
        write_gallery(tmp_path / "strides.jpg", variants, 2)
