"""What annotated data sets share: polygons, areas, shares of one folder, names of classes."""

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from fcnlab.data.annotations import area, fill_polygon, named_classes
from fcnlab.error import UserError

POINTS = [(2.5, 3.0), (30.2, 5.0), (25.0, 28.7), (4.0, 20.0)]


def test_a_polygon_is_filled_with_its_outline_as_pillow_fills_it_and_nothing_else_changes() -> None:
    mask = np.full((32, 40), 7, np.uint8)
    fill_polygon(mask, POINTS, 3)
    canvas = PIL.Image.new("L", (40, 32), 7)
    PIL.ImageDraw.Draw(canvas).polygon(POINTS, fill=3, outline=3)
    assert (mask == np.asarray(canvas)).all()


def test_the_area_is_that_of_opencv() -> None:
    assert area(POINTS) == pytest.approx(cv2.contourArea(np.array(POINTS, np.float32)), rel=1e-5)
    assert area(POINTS[::-1]) == pytest.approx(area(POINTS))


def test_names_are_written_out_or_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\ufeffleaf\n\n stem \n", encoding="utf-8")
    assert named_classes("labels.txt", tmp_path) == ["leaf", "stem"]
    assert named_classes(["leaf", 3], tmp_path) == ["leaf", "3"]
    with pytest.raises(UserError, match="no file .*names.txt of class names"):
        named_classes("names.txt", tmp_path)
