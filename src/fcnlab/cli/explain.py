"""An error as a message for the person at the keyboard: value, rule, hint."""

import errno
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import CompactHydraException, InstantiationException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from fcnlab.cli.arguments import CONFIG_DIR, arrange, quoted
from fcnlab.cli.compose import CONF, compose_only
from fcnlab.cli.keys import NamedNode
from fcnlab.error import UserError, nearest

EXPLAINED = (UserError, CompactHydraException, InstantiationException, OmegaConfBaseException)
# Faults of the machine, not of the code, and what to do.
MACHINE = {
    errno.ENOSPC: "The disk is full: make room, or set runs_dir=... (output=...) to a folder on another disk.",
    errno.EDQUOT: "Your share of the disk is full: make room, or set runs_dir=... (output=...) to another disk.",
    errno.EROFS: "The disk is read-only: set runs_dir=... (output=...) to a folder of yours.",
    errno.EEXIST: "Something else has this name: set runs_dir=... (output=...) to another folder.",
    errno.ENOTDIR: "A file stands where a folder is needed: set runs_dir=... (output=...) to another folder.",
    errno.EPIPE: "Nobody reads standard output any more: send it to a file, as in > train.log.",
    errno.ENAMETOOLONG: "Set a shorter name: of the experiment, the data (data.name=...) or the net (model.name=...).",
    errno.EACCES: "The file is not yours to use: set runs_dir=... (output=...) to a folder of yours.",
}
# What gloo and NCCL say in a process when another one, or its host, is gone.
LOST = ("Timed out waiting", "Connection closed by peer", "Connection reset by peer", "collective operation timeout")
NO_NETWORK = r"(URLError|ConnectionError|LocalEntryNotFoundError)\b.{0,80}"  # of urllib, requests, Hugging Face
PLUGINS = {
    "joblib": "hydra-joblib-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "optuna": "hydra-optuna-sweeper",
}


def is_explained(error: Exception) -> bool:
    """Whether a person can mend it without seeing the stack."""
    return isinstance(error, EXPLAINED) or is_of_machine(error)


def is_of_machine(error: Exception) -> bool:
    """Whether the machine, and no part of the program, is the cause: its disk, its memory, another host."""
    full = isinstance(error, OSError) and error.errno in MACHINE
    return full or is_lost(error) or wants_memory(error)


def is_lost(error: Exception) -> bool:
    """Whether another process of this training, or its host, is gone."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words in LOST)


def wants_memory(error: Exception) -> bool:
    """Whether there was less memory than was asked for, as Python, numpy, torch and OpenCV say it."""
    words = r"out of memory|can't allocate memory|Storage size calculation overflowed|Insufficient memory"
    return isinstance(error, MemoryError) or bool(re.search(words, str(error)))


def explain(error: Exception, name: str, overrides: list[str]) -> str:
    """An error as value, rule, hint."""
    if isinstance(error, UserError):
        # From a loading process it arrives wrapped in that process's stack trace.
        return str(error).rpartition("UserError: ")[2].strip()
    if isinstance(error, OSError) and error.errno in MACHINE:
        return f"{error}. {MACHINE[error.errno]} What was saved before is whole."
    text = " ".join(str(error).split())
    if is_lost(error):
        return (
            f"Another process of this training does not answer: {text.rstrip('.')}. Its own message tells why, or its "
            "host is cut off. End what is left of it, then give the same command on all hosts: it goes on from "
            "last.ckpt."
        )
    if wants_memory(error):
        return (
            f"There is not enough memory: {text.partition(') full_key')[0]}. Set a smaller data.batch_size=..., "
            "smaller images or a narrower net; where labels are made, tile=..."
        )
    if 'Could not detect "srun"' in text:
        return "hydra/launcher=slurm finds no srun. Start it on a machine of a cluster, or take hydra/launcher=joblib."
    if not is_explained(error):
        return f"{type(error).__name__}: {text.rstrip('.')}. The stack is in train.log, or shown by trace=true."
    if match := re.search(r"Interpolation key '(by_variant\.[^']+)' not found", text):
        row, variant = match.group(1), match.group(1).partition(".")[2]
        return (
            f"The experiment lists nothing for model={variant}. Add a row by_variant.{variant} to its file in "
            f"conf/experiment, or type +{row}.epochs=20 and what else its other rows say."
        )
    if match := re.search(r"key 'by_backbone\.([^']+)' not found|to access (model\.backbone\.name)", text):
        backbone = f"model/backbone={match.group(1)}" if match.group(1) else "a net without a backbone of ours"
        return (
            f"The experiment lists nothing for {backbone}: its recipe was made for another. Add a row to its "
            "by_backbone in conf/experiment, or take an experiment that has a default row: shapes, camvid, voc."
        )
    if "Could not override 'model/backbone'" in text:
        return (
            "A backbone is chosen, by the experiment or by model/backbone=..., but the file of this model names none. "
            "Begin that file with defaults: [foreign, _self_] for a net of your own. See conf/README.md."
        )
    if match := re.search(r"Could not override '([^']+)'|Key '([^']+)' is not in struct", text):
        return no_setting(match.group(1) or match.group(2), name, overrides)
    if match := re.search(r"Could not (?:find|load) '([^']+)'", text):
        group, choice = asked_for(match.group(1), overrides)
        if choice in PLUGINS:
            return f"{group}={choice} needs the package {PLUGINS[choice]}. Type: pip install -e '.[sweep]'."
        options = [path.stem for path in (CONF / group).glob("*.yaml")]
        options += [word for word in ("basic", "joblib") if group == "hydra/launcher"]
        timm = " One of timm's is model/backbone=timm model.backbone.name=NAME." * (group == "model/backbone")
        return f"There is no {group}={choice}. {nearest(choice, options)}{timm}"
    if match := re.search(r"Ambiguous value for argument '(.*)' 1\. To use|Sweep parameters '(.*)' requires", text):
        word = match.group(1) or match.group(2)
        key, _, value = word.partition("=")
        return f"{word} gives several values: add -m to run a job for each, or write one list: {key}=[{value}]."
    if match := re.search(r"Interpolation key '(data|model)\.name' not found", text):
        key = match.group(1)
        return (
            f"{key} has no name, by which runs are called: {key}={{_target_: ..., name: mine}}, if its _target_ takes "
            f"one. {NamedNode.instead[key]}"
        )
    if match := re.search(r"Interpolation key '([^']*)' not found|Unsupported interpolation type", text):
        return (
            f"{text.split(' full_key')[0]}. ${{...}} refers to another setting. Where it belongs to the name of a "
            "file, give that another name, or a link to it: ln -s OLD NEW."
        )
    if match := re.search(r"multiple values for (?:keyword )?argument '(\w+)'", text):
        return f"The setting {match.group(1)!r} is given by the code itself. Leave it out."
    if match := re.search(r"call to target '([^']+)'\S* TypeError.*missing \d+ required.* arguments?: ([^\")]+)", text):
        return (
            f"{match.group(1)} is not given {match.group(2)}. Set it in YAML; what is to be called later, as an "
            "optimiser (optim.optimizer), a scheduler (scheduler.scheduler) or a function that is a loss, has "
            "_partial_: true."
        )
    if (failed := re.search(NO_NETWORK, text)) and (targets := re.findall(r"call to target '([^']+)'", text)):
        return (
            f"{targets[-1]} fetches weights, and that fails ({failed[0].rstrip(')')}). Without a network leave them "
            "out, as by weights_backbone: null or pretrained: false beside its _target_."
        )
    if match := re.search(
        r"call to target '([^']+)'.*unexpected keyword argument '(\w+)'.*?full_key: (\S+)", text, re.S
    ):
        return f"{match.group(1)} takes no setting {match.group(2)!r}, which {match.group(3)} gives it. Take that out."
    if isinstance(error, OverrideParseException):
        key, equals, value = error.override.partition("=")
        if not equals:
            return f"Cannot read {error.override!r}. A setting is written KEY=VALUE, as in seed=1; --help shows more."
        quoted_once = f"{key}={quoted(value)}" if value and "'" not in value else "data.root='my data, (1)'"
        return (
            f"Cannot read {error.override!r}. Quote a value that holds a comma, a bracket, an equals sign, a quote or "
            f'the like, once for Hydra and once for the shell: "{quoted_once}"'
        )
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is not set. It has no default: say {error.full_key}=..."
    return f"{text.rstrip('.')}. Show the whole stack with trace=true."


def no_setting(key: str, name: str, overrides: list[str]) -> str:
    """A key that the config does not have: misspelt, or left out there though it is one."""
    from fcnlab.cli.annotation import spell
    from fcnlab.cli.keys import TrainerKeys
    from fcnlab.cli.schema import known_keys, unknown

    groups = [word for word in overrides if word[:1] == "~" or (CONF / word.split("=")[0].lstrip("+")).is_dir()]
    try:
        flags, _ = arrange(sys.argv[1:])
    except UserError:  # the words of a notebook or a test, not of a command
        flags = []
    own = [Path(folder).absolute() for flag, folder in itertools.pairwise(flags) if flag in CONFIG_DIR]
    GlobalHydra.instance().clear()
    try:
        cfg = compose_only(name, [*groups, *(f"hydra.searchpath=[{quoted(f'file://{folder}')}]" for folder in own)])
    except Exception:  # the choices themselves may be at fault
        cfg = compose_only(name)
    if isinstance(inner := OmegaConf.select(cfg, key, throw_on_missing=False), DictConfig):
        if names := [str(one) for one in inner]:
            return f"{key} takes a mapping of {', '.join(names)}. Set one by {key}.{names[0]}=..."
        return f"{key} takes a mapping, which is empty. Add to it with a plus: +{key}.NAME=..."
    parent, _, last = key.rpartition(".")
    beyond = OmegaConf.select(cfg, parent.rpartition(".")[0]) if "." in parent else cfg
    if parent and not (isinstance(beyond, DictConfig) and parent.rpartition(".")[2] in beyond):
        return no_setting(parent, name, overrides)
    above = OmegaConf.select(cfg, parent, throw_on_missing=False) if parent else cfg
    if not isinstance(above, DictConfig):
        hint = f"Write '{parent}={{{last}: ...}}'" if above is None else f"{key} would be a setting of a mapping"
        return f"There is no setting {key!r}: in this config {parent} is {spell(above)}. {hint}."
    if not parent and (deeper := [path for path in paths(cfg) if path.rpartition(".")[2] == key]):
        return f"There is no setting {key!r} at the top. Did you mean {' or '.join(deeper[:3])}?"
    known, takes = known_keys(name, cfg, key)
    if key in known and takes:
        return f"{key} is known, but not set in this config. Add it with a plus: +{key}=..."
    more = f" What is meant for its _target_ all the same is added with a plus: +{key}=..." if takes else ""
    instead = TrainerKeys.instead.get(last, "") if parent == "trainer" else ""
    return unknown(key, [one.rpartition(".")[2] for one in known], instead=instead) + more


def paths(cfg: DictConfig, beginning: str = "") -> Iterator[str]:
    """Every dotted key of a config."""
    for key in map(str, cfg):
        yield f"{beginning}{key}"
        inner = None if OmegaConf.is_missing(cfg, key) else OmegaConf.select(cfg, key, throw_on_missing=False)
        if isinstance(inner, DictConfig):
            yield from paths(inner, f"{beginning}{key}.")


def asked_for(path: str, overrides: list[str]) -> tuple[str, str]:
    """Group and choice of a file that Hydra does not find, as they were given: a choice may hold slashes."""
    for word in overrides:
        group, _, choice = word.lstrip("+").partition("=")
        if f"{group}/{choice}" == path:
            return group, choice
    group, _, choice = path.rpartition("/")
    return group, choice
