"""A run's name follows from what can change its result, never from the clock."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fcnlab.run.files import fitting

LONGEST = 128  # bytes of a name: what W&B takes, and a file system with what is put behind it
# What only says where and how, and cannot change a result.
NEUTRAL = (
    *("runs_dir", "logger", "rerun", "trace", "overrides", "checkpoint", "hydra"),
    # What an experiment expects, and of which seeds; what it sets stands elsewhere.
    *("by_variant", "row", "by_backbone", "backbone_row", "by_input", "input_row", "seeds"),
    *("data.root", "data.num_workers", "data.download", "data.archive"),
    # Not how many devices: data.batch_size is per process, so that more of them take other steps.
    *("trainer.accelerator", "trainer.strategy", "trainer.enable_progress_bar", "trainer.enable_model_summary"),
    *("trainer.log_every_n_steps", "trainer.profiler", "trainer.benchmark"),
    "trainer.max_time",  # a run that it stops goes on
    "test",  # a run that was not tested is tested later
)

# Lightning's callbacks that only look on.
ONLOOKERS = (
    *("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary"),
    *("RichModelSummary", "RichProgressBar", "TQDMProgressBar", "ThroughputMonitor"),
)
# Precisions by the names that people write, as Lightning reads them: the same training under another name.
PRECISIONS = {None: "32-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed", "64": "64-true"}


def is_neutral(key: str) -> bool:
    """Whether a dotted key cannot change the result."""
    return any(key == name or key.startswith(f"{name}.") for name in NEUTRAL)


def essence(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config (plain Python) without what cannot change the result."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if key not in NEUTRAL:
            inner = [name.partition(".")[2] for name in NEUTRAL if name.startswith(f"{key}.")]
            kept[key] = {k: v for k, v in value.items() if k not in inner} if inner and value else value
    if "precision" in (kept.get("trainer") or {}):
        kept["trainer"]["precision"] = precision_name(kept["trainer"]["precision"])
    if callbacks := kept.get("callbacks"):
        kept["callbacks"] = {name: node for name, node in callbacks.items() if node and not looks_on(node)}
    return kept


def by_value(node: Any) -> Any:
    """A config in which numbers that are equal are written alike: 1.0 and 1 are one identity."""
    if isinstance(node, Mapping):
        return {key: by_value(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [by_value(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def precision_name(precision: str | int | None) -> str:
    """A precision by its full name: 32 and null are 32-true."""
    word = None if precision is None else str(precision)
    return PRECISIONS.get(word, str(word))


def looks_on(node: Mapping[str, Any]) -> bool:
    """Whether a callback of Lightning's cannot change what is trained."""
    package, _, name = str(node.get("_target_")).rpartition(".")
    return package.startswith("lightning.pytorch.callbacks") and name in ONLOOKERS


def run_name(config: Mapping[str, Any]) -> str:
    """A run's name: experiment, model, data, seed, and a hash of everything that can change the result.

    It is one folder's name, whatever the words: a slash becomes a dash, and what is too long is cut.
    """
    digest = hashlib.sha256(json.dumps(by_value(essence(config)), sort_keys=True).encode()).hexdigest()[:8]
    words = f"{config['experiment']}-{config['model']['name']}-{config['data']['name']}".replace("/", "-")
    return f"{fitting(words, room=LONGEST - 22)}-s{config['seed']}-{digest}"  # 22: a seed of 32 bits, and the hash
