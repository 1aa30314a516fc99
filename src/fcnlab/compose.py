"""From YAML to objects: compose a config as the commands do, and build what it describes."""

from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from fcnlab.error import UserError

CONF = Path(__file__).resolve().parents[2] / "conf"


def compose(command: str, overrides: list[str] | None = None) -> DictConfig:
    """The config of ``python -m fcnlab.<command> <overrides>``, for notebooks and tests."""
    if HydraConfig.initialized() and GlobalHydra.instance().is_initialized():
        # Within a command: its own Hydra knows --config-dir.
        return with_typed(hydra.compose(command, overrides), overrides or [])
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return with_typed(hydra.compose(command, overrides), overrides or [])


def with_typed(config: DictConfig, words: list[str]) -> DictConfig:
    """Keep in a training's config what was typed for it, by which a rung of the ladder finds the one before."""
    if "typed" in config:
        config.typed = list(words)
    return config


def plain(config: Any) -> dict[str, Any]:
    """A config as resolved, plain Python. Raises where a value is missing (``???``)."""
    return dict(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))  # type: ignore[arg-type]


def build(config: Any, **given: Any) -> Any:
    """Build the object that a config's ``_target_`` names: the one place where configs become code."""
    try:
        return hydra.utils.instantiate(config, **given, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        while cause is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from error
        raise
