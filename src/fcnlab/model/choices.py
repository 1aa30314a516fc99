"""What a checkpoint was trained with, offered as config choices: ``evaluate`` and ``predict`` need nothing else."""

import json
import re

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from fcnlab.cli.arguments import value_of

FROM_CHECKPOINT = "from_checkpoint"


def checkpoint_choices(overrides: list[str]) -> list[str]:
    """Offer what a checkpoint was trained with as config choices, and choose them where nothing is given."""
    values = dict(word.split("=", 1) for word in overrides if "=" in word)
    if "checkpoint" not in values:
        return []
    from fcnlab.model.checkpoint import INPUT, LEFT_OUT, SECTIONS, load_checkpoint
    from fcnlab.model.converted import foreign_choices, is_foreign

    path = value_of(f"checkpoint={values['checkpoint']}")[0]
    if path.endswith(".onnx"):
        return exported_choices(path, values)
    if is_foreign(path):  # net and data are named beside it; what else it was trained with it tells itself
        return [f"{key}={value}" for key, value in foreign_choices(path, values).items() if key not in values]
    groups = [group for group in SECTIONS if group not in values]
    trust = [word for word in re.split(r"[\[\],\s'\"]+", values.get("trust", "")) if word]
    saved = load_checkpoint(path, build=groups, trust=trust)["fcnlab"]
    config = saved["config"]
    choices = []
    if "data" in values:  # which the net must see as it saw those of its training; what is given comes later and wins
        choices = [f"++data.{key}={json.dumps(saved[key])}" for key in INPUT if key in saved]
    for group in groups:
        node = config[group] | {k: v for k, v in LEFT_OUT.get(group, {}).items() if k in config[group]}
        ConfigStore.instance().store(group=group, name=FROM_CHECKPOINT, node=OmegaConf.create(node))
        choices.append(f"{group}={FROM_CHECKPOINT}")
    trainer = config.get("trainer")
    precision = trainer.get("precision") if isinstance(trainer, dict) else None
    for key, value in (("trainer.precision", precision), ("channels_last", config.get("channels_last"))):
        # Only a word: nothing that Hydra would read further.
        if value is not None and key not in values and re.fullmatch(r"[\w-]+", str(value)):
            choices.append(f"{key}={value}")
    return choices


def exported_choices(path: str, values: dict[str, str]) -> list[str]:
    """What an exported net was trained with; its net is no choice, and it computes in 32 bits."""
    from fcnlab.model.exported import ExportedNet

    size = ExportedNet(path).facts["image_size"]
    choices = {"data.image_size": json.dumps(size, separators=(",", ":")), "trainer.precision": "32-true"}
    return [f"{key}={value}" for key, value in choices.items() if key not in values]
