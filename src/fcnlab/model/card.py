"""The model card of an exported net: data, scores, recipe, where it started, licence notes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Check:
    """How far exported and original logits differ on images of one shape, and the largest of those logits."""

    shape: tuple[int, ...]
    difference: float
    largest: float


def model_card(
    saved: Mapping[str, Any], record: Mapping[str, Any], metrics: Mapping[str, float], checks: Sequence[Check]
) -> str:
    """The card as Markdown.

    Args:
        saved: what a checkpoint keeps under ``fcnlab``.
        record: what its run wrote down; empty if that is not known.
        metrics: this checkpoint's scores; empty if they are not known.
        checks: what the export was compared on.
    """
    config = saved["config"]
    sections = {
        "What goes in and out": usage(saved),
        "Data": data_lines(config, record),
        "Scores": score_lines(config, metrics),
        "Recipe": recipe_lines(config, record),
        "Initial weights": [initial(config)],
        "Licence notes": licence_lines(config),
        "Check of the export": check_lines(checks),
    }
    text = [f"# {record.get('name') or config['model']['name']}", "", summary(config, record)]
    for title, lines in sections.items():
        text += ["", f"## {title}", "", *lines]
    return "\n".join(text) + "\n"


def summary(config: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """What this net is, in one sentence."""
    size = f", {record['parameters']:,} parameters" if "parameters" in record else ""
    skips = config["model"].get("skips") or ["none"]
    trained = "trained with fcnlab on" if is_known(config) else "for"
    return (
        f"A Fully Convolutional Network for semantic segmentation ({config['model']['name']}; skips: "
        f"{', '.join(skips)}{size}), {trained} {config['data']['name']}."
    )


def is_known(config: Mapping[str, Any]) -> bool:
    """Whether the config tells of the training: that of a net from elsewhere is that of the export."""
    return {"seed", "trainer", "optim"} <= config.keys()


def usage(saved: Mapping[str, Any]) -> list[str]:
    """Input, output, classes."""
    size = saved["config"]["data"]["image_size"]
    rows = [f"| {i} | {name} | {saved['palette'][i]} |" for i, name in enumerate(saved["class_names"])]
    return [
        f"- `image`: float32 (N, 3, H, W), any N, H, W: {saved['order']} values of 0..{saved['scale']:g}, minus "
        f"{saved['mean']}, divided by {saved['std']}.",
        f"- It was trained on images of {'their own size' if size is None else f'size {size[0]}x{size[1]}'}.",
        "- `logits`: float32 (N, C, H, W); each pixel's class is the channel with the highest one.",
        "- `python -m fcnlab.predict checkpoint=model.onnx images=DIR output=DIR` does all of this.",
        "",
        "| label | class | colour |",
        "| --- | --- | --- |",
        *rows,
    ]


def data_lines(config: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Which data, told by the hashes of their splits."""
    prints = record.get("fingerprint", {})
    return [f"`{config['data']['name']}`.", "", *(f"- {split}: fingerprint `{hash}`" for split, hash in prints.items())]


def score_lines(config: Mapping[str, Any], metrics: Mapping[str, float]) -> list[str]:
    """Scores on the test split, in percent."""
    scores = {key.removeprefix("test/"): value for key, value in metrics.items() if key.startswith("test/")}
    if not scores:
        return ["Unknown: no run folder tells scores of this checkpoint."]
    rows = [f"| {key} | {100 * value:.2f} |" for key, value in scores.items() if key != "loss"]
    first = f"On the test split of {config['data']['name']}, percent, from one confusion matrix over the whole split:"
    return [first, "", "| score | value |", "| --- | ---: |", *rows]


def recipe_lines(config: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """How it was trained: the settings, without paths on anybody's machine."""
    if not is_known(config):
        return ["Unknown: the checkpoint does not tell."]
    told = {
        "seed": config["seed"],
        **{key: n for key in ("max_epochs", "max_steps") if (n := config["trainer"].get(key)) not in (None, -1)},
        "precision": record.get("precision", config["trainer"]["precision"]),
        "batch_size": config["data"]["batch_size"],
        "image_size": config["data"]["image_size"],
        "augment": config["data"].get("augment"),
        **{key: config[key] for key in ("model", "loss", "optim")},
    }
    circumstances = {key: record[key] for key in ("device", "seconds", "commit", "versions") if record.get(key)}
    return [*fenced(told), *(["", "On:", "", *fenced(circumstances)] if circumstances else [])]


def fenced(content: Mapping[str, Any]) -> Iterator[str]:
    """Plain Python as a block of YAML."""
    plain = json.loads(json.dumps(content))  # no aliases for what occurs twice
    yield from ("```yaml", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip(), "```")


def initial(config: Mapping[str, Any]) -> str:
    """Where training started."""
    if not is_known(config):
        return "Unknown: the checkpoint does not tell."
    if config.get("start"):
        return f"The finished run `{config['start']}` of a coarser net; its card or record tells where that started."
    if not config.get("weights"):
        return "None: He initialisation, score layers zero."
    names = " and ".join(f"`{source}`" for source in sources(config))
    return f"{names}; layers that it lacks: He initialisation, score layers zero."


def sources(config: Mapping[str, Any]) -> list[str]:
    """The names of the files, or of torchvision's weights, from which a training started."""
    weights = config.get("weights")
    several = weights.values() if isinstance(weights, Mapping) else [weights] if weights else []
    return [Path(one).name for one in several]


def licence_lines(config: Mapping[str, Any]) -> list[str]:
    """What is known of the terms of code, data and initial weights. No lawyer wrote this."""
    data = config["data"]["name"]
    lines = ["- Code: fcnlab, MIT.", f"- Data: {DATA_TERMS.get(data, unknown_terms(data))}"]
    for source in sources(config):
        lines.append(f"- Initial weights: {WEIGHTS_TERMS.get(source, unknown_terms(source))}")
    return [*lines, "- Ask the owners of data and initial weights before you use or pass on these weights for profit."]


def unknown_terms(name: str) -> str:
    """What stands where nothing is known."""
    return f"the terms of `{name}` are not known to fcnlab."


def check_lines(checks: Sequence[Check]) -> list[str]:
    """On what, and how well, the exported net was compared."""
    rows = [f"| {one.shape} | {one.difference:.1e} | {one.largest:.1e} |" for one in checks]
    return [
        f"Logits of onnxruntime {version('onnxruntime')} against those of torch {version('torch')}, random images:",
        "",
        "| image | largest difference | largest logit |",
        "| --- | ---: | ---: |",
        *rows,
    ]
