"""A card says what is known and no more, and no path of a machine."""

from pathlib import Path

import pytest

from fcnlab.cli.compose import compose, plain
from fcnlab.model.card import Check, model_card


def card(*overrides: str, metrics: dict[str, float] | None = None) -> str:
    config = plain(compose("train", list(overrides)))
    saved = {"config": config, "class_names": ["a", "b"], "palette": [[0, 0, 0], [9, 9, 9]], "mean": [0], "std": [1]}
    saved |= {"order": "RGB", "scale": 1.0}
    return model_card(saved, {}, metrics or {}, [Check((1, 3, 5, 7), 1e-6, 2.0)])


def test_initial_weights_are_named_with_their_terms() -> None:
    assert "None: He initialisation" in card()
    known = card("weights=IMAGENET1K_V1")
    assert "`IMAGENET1K_V1`; layers that it lacks" in known
    assert "trained on ImageNet" in known
    assert "the terms of `mine.npz` are not known" in card("weights=/somewhere/of/mine/mine.npz")


def test_terms_of_data_are_told_where_known() -> None:
    assert "made by fcnlab" in card()
    assert "Brostow" in card("data=camvid")
    assert "terms of `folder` are not known" in card("data=folder", "data.root=/somewhere/of/mine")


@pytest.mark.slow
def test_no_path_of_a_machine_is_told(tmp_path: Path) -> None:
    words = ("data=folder", "data.root=/somewhere/of/mine", "weights=/somewhere/of/mine/w.npz", f"runs_dir={tmp_path}")
    text = card(*words)
    assert "somewhere" not in text
    assert str(tmp_path) not in text


def test_scores_are_told_if_they_are_known() -> None:
    assert "Unknown" in card()
    text = card(metrics={"test/mean_iou": 0.4567, "test/loss": 1.5, "val/mean_iou": 0.9})
    assert "| mean_iou | 45.67 |" in text
    assert "90.00" not in text
