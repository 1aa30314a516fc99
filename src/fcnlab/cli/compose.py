"""From YAML to objects: compose a config as the commands do, and build what it describes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fcnlab.cli.conf import CONF as CONF
from fcnlab.cli.signature import taken
from fcnlab.error import UserError, raised


def compose(command: str, overrides: list[str] | None = None) -> DictConfig:
    """The config of ``python -m fcnlab.<command> <overrides>``, for notebooks, tests and other stages of a training.

    Raises:
        UserError: a key or a value is not one that the command knows.
    """
    from fcnlab.cli.replacing import replace_objects  # it composes too

    words = replace_objects(command, overrides or [])
    return checked(command, compose_only(command, words), words)


def compose_only(command: str, overrides: list[str] | None = None) -> DictConfig:
    """The same, not checked."""
    try:
        if HydraConfig.initialized() and GlobalHydra.instance().is_initialized():
            return hydra.compose(command, overrides)  # within a command: its own Hydra knows --config-dir
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return hydra.compose(command, overrides)
    except (HydraException, OmegaConfBaseException, UserError):
        raise
    except Exception as error:
        raise no_config(error) from error


def no_config(error: Exception) -> UserError:
    """What Hydra and OmegaConf did not expect of some overrides, as an error with a message."""
    return UserError(f"Hydra makes no config of this: {raised(error)}. trace=true shows the stack.")


def checked(command: str, config: DictConfig, words: list[str]) -> DictConfig:
    """A composed config with what fcnlab fills in, after every key and value was held against the schema.

    The overrides are kept in the config of a training: a stage of staged training finds the one before by them. In
    ``runs_dir`` a ``~`` is the home folder, for everything that is named by it.
    """
    from fcnlab.cli.schema import check  # it knows every setting, which --help need not

    if "overrides" in config:
        config.overrides = list(words)
    if isinstance(folder := OmegaConf.select(config, "runs_dir", throw_on_missing=False), str):
        config.runs_dir = str(Path(folder).expanduser()) if folder.startswith("~") else folder
    return check(command, config)


def plain(config: Any) -> dict[str, Any]:
    """A config as resolved, plain Python. Raises where a value is missing (``???``)."""
    return dict(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))  # type: ignore[arg-type]


def build(config: Any, **given: Any) -> Any:
    """Build the object that a config's ``_target_`` names: the one function that turns configs into code."""
    try:
        return hydra.utils.instantiate(config, **given, _convert_="all")
    except InstantiationException as error:
        cause, deepest = error.__cause__, error
        while cause is not None and not isinstance(cause, UserError):
            deepest = cause if isinstance(cause, InstantiationException) else deepest
            cause = cause.__cause__
        if cause is not None:
            raise cause from error
        raise deepest from None  # of a node within a node: Hydra quotes the text of the text


def build_later(config: Mapping[str, Any], waits_for: str) -> Any:
    """The same of a config in plain Python; what takes ``waits_for`` and is not given it is called later (partial)."""
    later = waits_for in taken(config["_target_"]).keywords and waits_for not in config
    return build({**config, "_partial_": True} if later else config)


def offer(node: Any, offered: Mapping[str, Any]) -> Any:
    """A config (plain Python) in which every ``_target_`` has the plain values of ``offered`` that it takes and lacks.

    So a loss or a metric of any library learns the number of classes under its own name for it.
    """
    if isinstance(node, list):
        return [offer(inner, offered) for inner in node]
    if not isinstance(node, Mapping):
        return node
    filled = {key: offer(value, offered) for key, value in node.items()}
    if "_target_" in node:
        known = taken(node["_target_"]).keywords
        filled |= {key: value for key, value in offered.items() if key in known and filled.get(key) is None}
    return filled


def build_given(config: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Build what a config (plain Python) names, with those objects of ``given`` that it takes and does not set."""
    known = taken(config["_target_"]).keywords
    more = {key: value for key, value in given.items() if key in known and config.get(key) is None}
    own = {key: value for key, value in config.items() if key not in more}
    make = build(own | {"_partial_": True})
    try:
        return make(**more)
    except ImportError as error:
        raise UserError(f"{config['_target_']} needs a package that is not here: {error}") from error
    except TypeError as error:
        raise UserError(
            f"Cannot build {config['_target_']}: {error}. Of what is offered it takes what it names."
        ) from error
