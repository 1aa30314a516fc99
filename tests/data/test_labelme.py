"""LabelMe's shapes are drawn as Pillow draws them, later over earlier, and train through the command."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from conftest import Command
from data.test_coco import NET

from fcnlab.cli.compose import build, compose

HEIGHT, WIDTH = 48, 60
STAMP = np.array([[1, 0, 1], [1, 1, 0]], np.uint8) * 255


def encoded(array: np.ndarray) -> str:
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


SHAPES: list[dict[str, Any]] = [
    {"label": "leaf", "shape_type": "polygon", "points": [[3.2, 4.1], [40, 6], [35.5, 40.9], [2, 30]]},
    {"label": "stem", "shape_type": "rectangle", "points": [[30, 20], [10, 10]]},
    {"label": "stem", "shape_type": "circle", "points": [[45, 30], [50, 30]]},
    {"label": "__ignore__", "shape_type": "polygon", "points": [[0, 40], [20, 40], [20, 47], [0, 47]]},
    {"label": "leaf", "shape_type": "linestrip", "points": [[50, 2], [55, 20], [58, 22]]},
    {"label": "_background_", "shape_type": "point", "points": [[15, 25]]},
    {"label": "stem", "shape_type": "mask", "points": [[4, 2], [6, 3]], "mask": encoded(STAMP)},
]


def by_hand() -> np.ndarray:
    """The same shapes, drawn with Pillow."""
    canvas = PIL.Image.new("L", (WIDTH, HEIGHT), 0)
    pen = PIL.ImageDraw.Draw(canvas)
    pen.polygon([(3.2, 4.1), (40, 6), (35.5, 40.9), (2, 30)], fill=1, outline=1)
    pen.rectangle((10, 10, 30, 20), fill=2, outline=2)
    pen.ellipse((40, 25, 50, 35), fill=2, outline=2)
    pen.polygon([(0, 40), (20, 40), (20, 47), (0, 47)], fill=255, outline=255)
    pen.line([(50, 2), (55, 20), (58, 22)], fill=1, width=10)
    pen.ellipse((10, 20, 20, 30), fill=0, outline=0)
    mask = np.array(canvas)
    mask[2, [4, 6]] = mask[3, [4, 5]] = 2
    return mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder, random = tmp_path / "labelme", np.random.default_rng(0)
    (folder / "photos").mkdir(parents=True)
    for i in range(12):
        photo = random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        PIL.Image.fromarray(photo).save(folder / "photos" / f"{i}.png")
        content = {"imagePath": f"..\\photos\\{i}.png", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": SHAPES}
        (folder / "json").mkdir(exist_ok=True)
        (folder / "json" / f"{i}.json").write_text(json.dumps(content))
    (folder / "json" / "._0.json").write_bytes(b"\0")
    (folder / "labels.txt").write_text("__ignore__\n_background_\nleaf\nstem\n")
    return folder


WORDS = ("data=labelme", "data.annotations=json", "data.fractions={train: 0.4, val: 0.3, test: 0.3}")


def test_every_shape_is_drawn_as_pillow_draws_it(root: Path) -> None:
    data = build(compose("train", [*WORDS, f"data.root={root}"]).data)
    assert data.class_names == ("background", "leaf", "stem")
    mask = data.read("train", 0)[1]
    assert (mask == by_hand()).all()
    assert {*np.unique(mask)} == {0, 1, 2, 255}
    assert sum(len(data.names(split)) for split in ("train", "val", "test")) == 12


def test_it_trains(root: Path, command: Command) -> None:
    outcome = command("train", *WORDS, f"data.root={root}", *NET)
    assert outcome.code == 0, outcome.text


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"label": "lef"}, ("0.json has a shape of class 'lef'", "Did you mean leaf")),
        ({"shape_type": "box3d"}, ("0.json has a shape of type box3d", "not drawn")),
        ({"points": [[1, 2], [3, 4]]}, ("type polygon with 2 points",)),
        ({"shape_type": "mask", "mask": "AAAA"}, ("0.json as an image",)),
    ],
)
def test_what_cannot_be_drawn_is_told(change: Any, parts: Any, root: Path, command: Command) -> None:
    path = root / "json" / "0.json"
    content = json.loads(path.read_text())
    content["shapes"][0] |= change
    path.write_text(json.dumps(content))
    outcome = command("survey", *WORDS, f"data.root={root}")
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text
