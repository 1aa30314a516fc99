"""Staged training: a net starts from the finished run of the coarser one (Long et al. 2015, section 4.2)."""

import shlex
from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fcnlab.cli.compose import compose, plain
from fcnlab.error import UserError
from fcnlab.run.name import run_name
from fcnlab.run.record import Run

STAGES = ("fcn32s", "fcn16s", "fcn8s")  # each starts from the one before where start=coarser


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """The config in plain Python, in which ``start`` is the name of the run that this one starts from, or None.

    That name follows from that run's config, its own start included: another predecessor makes another run.
    """
    before = predecessor(cfg)
    return plain(cfg) | {"start": None if before is None else run_name(resolve(before))}


def predecessor(cfg: DictConfig) -> DictConfig | None:
    """The config that the same overrides with ``model=<start>`` give; None where nothing is started from.

    Its own start is ``coarser`` where that was given, for it holds for every stage; else what its experiment says.
    """
    variant = start_variant(cfg)
    if variant is None:
        return None
    kept = [
        w for w in cfg.overrides if w == "start=coarser" or w.partition("=")[0].lstrip("+") not in ("model", "start")
    ]
    before = compose("train", [*kept, f"model={variant}"])
    skips, fewer = (list(OmegaConf.select(c, "model.skips") or []) for c in (cfg, before))
    if len(fewer) >= len(skips) or skips[: len(fewer)] != fewer:
        raise UserError(
            f"start={variant} has the skips {fewer}, model={cfg.model.name} has {skips}. A net starts from a coarser "
            f"one, whose skips are its own first ones: {', '.join(STAGES)}, in this order. Set start=coarser or null."
        )
    return before


def start_variant(cfg: DictConfig) -> str | None:
    """The variant named by ``start``; ``coarser`` is the one before in ``STAGES``, none for what is not in it."""
    if cfg.start != "coarser":
        return None if cfg.start is None else str(cfg.start)
    number = STAGES.index(cfg.model.name) if cfg.model.name in STAGES else 0
    return STAGES[number - 1] if number else None


def start_run(cfg: DictConfig) -> Run | None:
    """The finished run from whose scored checkpoint this one starts; an error where it is not finished yet."""
    before = predecessor(cfg)
    if before is None:
        return None
    run = Run(resolve(before))
    status, checkpoint = run.record.get("status", "missing"), run.scored_checkpoint()
    if status != "finished" or not checkpoint.is_file():
        lost = status == "finished"  # which would be skipped
        state = f"its {checkpoint.name} is missing" if lost else f"that run is {status}"
        words = [*config_folders(), *before.overrides, *(["rerun=all"] if lost else [])]
        raise UserError(
            f"model={cfg.model.name} starts from the finished run {run.folder}, but {state}. Train it first: "
            f"python -m fcnlab.train {shlex.join(words)}"
        )
    return run


def refuse_other_data(before: Run, fingerprint: Mapping[str, str]) -> None:
    """Raise UserError if a net would go on from one that learnt other data: their test images, perhaps."""
    if splits := before.other_splits(fingerprint):
        raise UserError(
            f"start={before.name} was trained on other data: the fingerprint of {', '.join(splits)} differs. A stage "
            "goes on with the data of the one before. Give the new data a name (data.name=...) and begin with the "
            "first stage, or train that anew with rerun=all."
        )


def config_folders() -> list[str]:
    """The ``--config-dir`` that this command was given, for the commands in messages."""
    sources = HydraConfig.get().runtime.config_sources if HydraConfig.initialized() else []
    return [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
