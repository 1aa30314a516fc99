"""The wrapper around every command: Hydra composes, errors become messages, exit codes tell how it went."""

import errno
import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, InstantiationException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from fcnlab.compose import CONF, with_typed
from fcnlab.error import UserError, nearest
from fcnlab.report import show_jobs
from fcnlab.sweep import Job, Sweep, is_sweep
from fcnlab.typed import known_keys, mistyped

Task = Callable[[DictConfig], Any]
EXPLAINED = (UserError, CompactHydraException, InstantiationException, OmegaConfBaseException)
FROM_CHECKPOINT = "from_checkpoint"
# Faults of the machine, not of the code, and what to do.
MACHINE = {
    errno.ENOSPC: "The disk is full: make room, or set runs_dir=... (output=...) to a folder on another disk.",
    errno.EDQUOT: "Your share of the disk is full: make room, or set runs_dir=... (output=...) to another disk.",
    errno.EROFS: "The disk is read-only: set runs_dir=... (output=...) to a folder of yours.",
    errno.EEXIST: "Something else has this name: set runs_dir=... (output=...) to another folder.",
    errno.ENOTDIR: "A file stands where a folder is needed: set runs_dir=... (output=...) to another folder.",
    errno.EACCES: "The file is not yours to use: set runs_dir=... (output=...) to a folder of yours.",
}
PLUGINS = {
    "joblib": "hydra-joblib-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "optuna": "hydra-optuna-sweeper",
}


def command(name: str, *, from_checkpoint: bool = False) -> Callable[[Task], Callable[[], Any]]:
    """Make ``python -m fcnlab.<name>`` out of a function of a config.

    Args:
        from_checkpoint: what was trained (data, model, loss, precision) comes from the config in ``checkpoint=...``;
            what is typed overrides it.
    """

    def decorate(task: Task) -> Callable[[], Any]:
        def main() -> Any:
            typed, sweep = sys.argv[1:], Sweep(sys.argv[1:])
            values, errors = list[Any](), list[Exception]()
            traced = "trace=true" in typed or "trace=True" in typed

            def job(cfg: DictConfig) -> Any:
                """The one job or one of many; what it raises is kept until Hydra is done."""
                cfg = with_typed(cfg, list(HydraConfig.get().overrides.task))
                if is_sweep():
                    return sweep.run(task, cfg, lambda error: explain(error, name, list(cfg.typed)))
                sys.argv[1:] = typed
                try:
                    values.append(task(cfg))
                except Exception as error:
                    errors.append(error)
                return None

            os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come up to here instead of being printed by Hydra
            job.__module__ = task.__module__  # by which Hydra names the command in its help
            problem, jobs = "", list[Job]()
            try:
                choices = checkpoint_choices(typed) if from_checkpoint else []
                start = next((i for i, word in enumerate(typed) if "=" in word and word[0] != "-"), len(typed))
                sys.argv[1:] = [*typed[:start], *sweep.words, *choices, *typed[start:]]  # overrides stand together
                hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(job)()
                if errors:
                    raise errors[0]
            except KeyboardInterrupt:  # a training ends by itself, where it can go on from
                print("\ninterrupted", file=sys.stderr)
                sys.exit(130)
            except Exception as error:
                if traced or not (is_explained(error) or sweep.folder.exists() or mistyped(name, typed)):
                    raise
                problem = f"\nerror: {explain(error, name, typed)}"
            finally:
                if jobs := sweep.end():
                    show_jobs(jobs)
            if problem or any(job.outcome in ("failed", "interrupted") for job in jobs):
                sys.exit(problem or 1)
            return jobs or (values[0] if values else None)

        main.__doc__ = task.__doc__
        return main

    return decorate


def checkpoint_choices(typed: list[str]) -> list[str]:
    """Offer what a checkpoint was trained with as config choices, and choose them where nothing is typed."""
    values = dict(word.split("=", 1) for word in typed if "=" in word)
    if "checkpoint" not in values:
        return []
    from fcnlab.checkpoint import INPUT, LEFT_OUT, SECTIONS, load_checkpoint
    from fcnlab.foreign import foreign_choices, is_foreign

    path = values["checkpoint"].strip("'\"")
    if path.endswith(".onnx"):
        return exported_choices(path, values)
    if is_foreign(path):  # net and data are named beside it; what else it was trained with it tells itself
        return [f"{key}={value}" for key, value in foreign_choices(path, values).items() if key not in values]
    groups = [group for group in SECTIONS if group not in values]
    saved = load_checkpoint(path, build=groups)["fcnlab"]
    config = saved["config"]
    choices = []
    if "data" in values:  # which the net must see as it saw those of its training; what is typed comes later and wins
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


def is_explained(error: Exception) -> bool:
    """Whether a person can mend it without seeing the stack."""
    return isinstance(error, EXPLAINED) or (isinstance(error, OSError) and error.errno in MACHINE)


def explain(error: Exception, name: str, typed: list[str]) -> str:
    """An error as value, rule, remedy."""
    if isinstance(error, UserError):
        # From a loading process it arrives wrapped in that process's stack trace.
        return str(error).rpartition("UserError: ")[2].strip()
    if isinstance(error, OSError) and error.errno in MACHINE:
        return f"{error}. {MACHINE[error.errno]} What was saved before is whole."
    text = " ".join(str(error).split())
    if 'Could not detect "srun"' in text:
        return "hydra/launcher=slurm finds no srun. Start it on a machine of a cluster, or take hydra/launcher=joblib."
    if (not is_explained(error) or isinstance(error, InstantiationException)) and (told := mistyped(name, typed)):
        return told
    if not is_explained(error):
        return f"{type(error).__name__}: {text.rstrip('.')}. The stack is in train.log, or shown by trace=true."
    if match := re.search(r"Interpolation key '(by_variant\.[^']+)' not found", text):
        row, variant = match.group(1), match.group(1).partition(".")[2]
        return (
            f"The experiment lists nothing for model={variant}. Add a row by_variant.{variant} to its file in "
            f"conf/experiment, or type +{row}.epochs=20 and what else its other rows say."
        )
    if match := re.search(r"Could not override '([^']+)'|Key '([^']+)' is not in struct", text):
        key = match.group(1) or match.group(2)
        return (
            f"There is no setting {key!r}. {nearest(key, known_keys(name, typed, key))} Add a new one with +{key}=..."
        )
    if match := re.search(r"Could not (?:find|load) '([^']+)'", text):
        group, _, choice = match.group(1).rpartition("/")
        if choice in PLUGINS:
            return f"{group}={choice} needs the package {PLUGINS[choice]}. Type: pip install -e '.[sweep]'."
        options = [path.stem for path in (CONF / group).glob("*.yaml")]
        options += [word for word in ("basic", "joblib") if group == "hydra/launcher"]
        return f"There is no {group}={choice}. {nearest(choice, options)}"
    if isinstance(error, OverrideParseException):
        return (
            f"Cannot read {error.override!r}. Quote a value that holds a comma, a bracket, an equals sign, a quote or "
            "the like, once for Hydra and once for the shell: \"data.root='my data, (1)'\""
        )
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is not set. It has no default: say {error.full_key}=..."
    return f"{text} Show the whole stack with trace=true."
