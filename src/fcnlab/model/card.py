"""The model card of an exported net: data, scores, recipe, where it started, licence notes.

``card.md.jinja`` is the card; here are its values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import yaml

# What the owners of data and weights say; known to fcnlab by the names of its configs.
DATA_TERMS = {
    "shapes": "The images were made by fcnlab and are covered by its MIT licence.",
    "camvid": "fcnlab knows no licence text of CamVid (Brostow, Fauqueur, Cipolla 2009), published for research.",
    "voc": "PASCAL VOC's images are from Flickr and under Flickr's terms of use; the challenge was held for research.",
}
WEIGHTS_TERMS = {
    "IMAGENET1K_V1": "torchvision's (BSD-3 code), trained on ImageNet, whose images are for research only.",
    "IMAGENET1K_FEATURES": "the VGG authors' (CC BY 4.0), trained on ImageNet, whose images are for research only.",
}


TEMPLATE = Path(__file__).with_name("card.md.jinja")


@dataclass(frozen=True)
class Check:
    """How far exported and original logits differ on images of one shape, and the largest of those logits."""

    shape: tuple[int, ...]
    difference: float
    largest: float


def model_card(
    saved: Mapping[str, Any], record: Mapping[str, Any], metrics: Mapping[str, float], checks: Sequence[Check]
) -> str:
    """The card as Markdown. Recipe and sources hold no path on anybody's machine.

    Args:
        saved: what a checkpoint keeps under ``fcnlab``.
        record: what its run wrote down; empty if that is not known.
        metrics: this checkpoint's scores; empty if they are not known.
        checks: what the export was compared on.
    """
    config, weights = saved["config"], saved["config"].get("weights")
    several = weights.values() if isinstance(weights, Mapping) else [weights] if weights else []
    known = {"seed", "trainer", "optim"} <= config.keys()  # of a net from elsewhere it is the config of the export
    scores = {key.removeprefix("test/"): value for key, value in metrics.items() if key.startswith("test/")}
    environment = jinja2.Environment(trim_blocks=False, keep_trailing_newline=False)
    environment.filters["yaml"] = as_yaml
    return environment.from_string(TEMPLATE.read_text()).render(
        saved=saved,
        config=config,
        record=record,
        checks=checks,
        known=known,
        scores={key: value for key, value in scores.items() if key != "loss"},
        recipe=recipe(config, record) if known else {},
        circumstances={key: record[key] for key in ("device", "seconds", "commit", "versions") if record.get(key)},
        sources=[Path(one).name for one in several],
        data_terms=DATA_TERMS.get(config["data"]["name"]),
        weights_terms=WEIGHTS_TERMS,
        version=version,
    )


def recipe(config: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a training goes by."""
    data, trainer = config["data"], config["trainer"]
    return {
        "seed": config["seed"],
        **{key: n for key in ("max_epochs", "max_steps") if (n := trainer.get(key)) not in (None, -1)},
        "precision": record.get("precision", trainer["precision"]),
        **{key: data.get(key) for key in ("batch_size", "image_size", "augment")},
        **{key: config[key] for key in ("model", "loss", "optim")},
    }


def as_yaml(content: Mapping[str, Any]) -> str:
    """Plain Python as YAML, without aliases for what occurs twice."""
    return yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False, allow_unicode=True).rstrip()
