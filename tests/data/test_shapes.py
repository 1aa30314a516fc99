"""Shapes: made from a seed, with a void outline, and no class told by its colour."""

import numpy as np
import pytest

from fcnlab.cli.compose import build, compose
from fcnlab.data.shapes import CLASSES, SHAPES, Shapes
from fcnlab.error import UserError


def shapes(*overrides: str) -> Shapes:
    data = build(compose("train", ["data=shapes", *overrides]).data)
    assert isinstance(data, Shapes)
    return data


def test_a_scene_follows_from_the_data_seed_alone() -> None:
    first, again, other = shapes("seed=1"), shapes("seed=2"), shapes("data.data_seed=1")
    for one, two in zip(first.read("test", 3), again.read("test", 3), strict=True):
        assert (one == two).all()
    assert (first.read("test", 3)[0] != other.read("test", 3)[0]).any()
    assert (first.read("test", 3)[0] != first.read("val", 3)[0]).any()


def test_every_class_occurs_and_every_shape_has_a_void_outline() -> None:
    data = shapes()
    masks = np.stack([data.read("test", i)[1] for i in range(60)])
    assert set(np.unique(masks)) == {*range(len(CLASSES) + 1), 255}
    different = (masks[:, :, 1:] != masks[:, :, :-1]) & (masks[:, :, 1:] != 255) & (masks[:, :, :-1] != 255)
    assert different.mean() < 1e-3  # no label touches another without void between


def test_a_shape_covers_what_its_formula_says() -> None:
    v, u = np.mgrid[-1:1:400j, -1:1:400j].astype(np.float32)
    areas = {name: inside(u, v).mean() * 4 for name, inside in SHAPES.items()}
    expected = {"disc": np.pi * 0.81, "square": 1.5**2, "triangle": 3 * np.sqrt(3) / 4, "bar": 2 * 0.4}
    expected["ring"] = np.pi * (0.98**2 - 0.58**2)
    expected["cross"] = 2 * 0.8 - 0.16
    expected["star"] = 10 * 0.5 * 0.42 * np.sin(np.pi / 5)
    for name, area in expected.items():
        assert abs(areas[name] - area) < 0.03, name


def test_mean_colours_of_classes_do_not_tell_them_apart() -> None:
    data = shapes()
    pixels = {label: [] for label in range(1, len(CLASSES) + 1)}
    for i in range(80):
        image, mask = data.read("test", i)
        for label in pixels:
            if (mask == label).any():
                pixels[label].append(image[mask == label].mean(0))
    means = np.array([np.mean(values, 0) for values in pixels.values()])
    spread = np.mean([np.std(values, 0) for values in pixels.values()])
    assert means.std(0).max() < spread / 2


def test_fewer_classes_are_drawn_and_named_where_fewer_are_asked_for() -> None:
    data = shapes("data.classes=[star,disc]")
    assert data.class_names == ("background", "star", "disc")
    masks = np.stack([data.read("test", i)[1] for i in range(20)])
    assert set(np.unique(masks)) == {0, 1, 2, 255}
    all_seven = shapes("data.classes=[disc,square,triangle,star,ring,bar,cross]")
    assert (all_seven.read("test", 3)[1] == shapes().read("test", 3)[1]).all()


@pytest.mark.parametrize("key", ["size=0", "size=9.5", "count=[8,4]", "radius=[28,11]", "radius=[0,5]", "data_seed=-1"])
def test_impossible_numbers_are_refused(key: str) -> None:
    with pytest.raises(UserError, match="must be (whole )?numbers|is not a whole number"):
        shapes(f"data.{key}")


@pytest.mark.parametrize(
    ("classes", "rule"),
    [("[disc,stra]", "names stra, which is no shape.*star"), ("[disc,disc]", "each once"), ("[]", "one shape or more")],
)
def test_classes_that_cannot_be_drawn_are_refused(classes: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        shapes(f"data.classes={classes}")
