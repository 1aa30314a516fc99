"""One schema for every key of every command: unknown keys, types, ranges and choices, before anything runs.

A config is held against :mod:`fcnlab.cli.settings`, and what stands below a ``_target_`` against the signature that it
names. Wherever a value comes from (command line, experiment file, ``--config-dir``), it is checked after Hydra has
composed and interpolations are resolved.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from omegaconf import DictConfig, OmegaConf

from fcnlab.cli.annotation import accepts, alternatives, choices, describe, item_choices, of_items, spell, takes_objects
from fcnlab.cli.keys import Keys, NamedNode, Node, Nodes
from fcnlab.cli.settings import COMMANDS
from fcnlab.cli.signature import PACKAGE, Taken, taken
from fcnlab.error import UserError, nearest

MISSING = "???"  # Hydra's word for a value that must be given; reading it says so
HYDRA_KEYS = {"_target_": str, "_partial_": bool, "_recursive_": bool, "_convert_": str, "_args_": list}
STANDS_IN = {  # what another choice of the group takes
    "model.net": "Add model=foreign, which takes a net of another library.",
    **dict.fromkeys(("data.module", "data.train"), "Add data=dataset, which takes data sets of torch."),
}
TRUE_OR_FALSE = {"no": "false", "off": "false", "n": "false", "0": "false", "yes": "true", "on": "true", "1": "true"}


def check(command: str, cfg: DictConfig) -> DictConfig:
    """The config of a command as it is, if every key and value of it is one that the command knows.

    Raises:
        UserError: the first that is not, with what would be right.
    """
    for group in ("experiment", "search"):  # whose files set what stands elsewhere
        if OmegaConf.is_dict(OmegaConf.select(cfg, group)):
            raise UserError(
                f"The file that {group}=... names lacks its first line, so that all of its settings stand below "
                f"{group!r} and none is used. Begin it with: # @package _global_"
            )
    words = cfg.get("overrides") if "overrides" in COMMANDS[command].known() else None
    if any(str(word).lstrip("+~").startswith("overrides=") for word in words or ()):
        raise UserError("overrides is filled in by fcnlab with what the command line says. Leave it out.")
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    for fault in of_keys(plain, COMMANDS[command], ""):
        raise UserError(fault)
    return cfg


def faults(value: Any, annotation: Any, key: str, *, own: bool = False) -> Iterator[str]:
    """What is wrong with a value and with what stands below it, as messages.

    Args:
        annotation: its type, or a class of :mod:`fcnlab.cli.settings`.
        own: a setting of this package, in which infinity and NaN are no numbers and a text is not empty.
    """
    if value == MISSING:
        return
    if isinstance(value, Mapping):
        for member in alternatives(annotation):
            if inspect.isclass(member) and issubclass(member, Keys | Node | Nodes):
                yield from of_mapping(value, member, key)
                return
        if "_target_" in value and takes_objects(annotation):
            yield from of_target(value, key)
            return
    if inner := unresolved(value):
        yield (
            f"{key}={inner} holds ${{, which begins a reference to another setting. Where it belongs to the name of a "
            "file, give that another name, or a link to it: ln -s OLD NEW."
        )
    elif holds_target(value) and "_target_" not in value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, item in items:
            yield from faults(item, of_items(annotation), f"{key}.{name}", own=own)
    elif not accepts(annotated(annotation), value, own=own):
        yield told(value, annotated(annotation), key)


def of_mapping(value: Mapping[Any, Any], kind: type, key: str) -> Iterator[str]:
    """The faults of a mapping of a kind that :mod:`fcnlab.cli.settings` names."""
    if issubclass(kind, Keys):
        yield from of_keys(value, kind, key)
    elif issubclass(kind, Node):
        for name in kind.needed:
            if name not in value:
                yield f"{key} lacks {name}. Take one of conf/{key}, or see there how such a file looks."
                return
        target = value["_target_"]
        if "name" in kind.needed and isinstance(target, str) and "name" not in taken(target).keywords:
            yield f"{key}._target_={target} takes no name, by which runs are called. {NamedNode.instead.get(key, '')}"
            return
        yield from of_target(value, key)
    else:
        for name, node in value.items():
            if isinstance(node, Mapping):
                yield from of_mapping(node, Node, f"{key}.{name}")
            elif node is not None:
                yield f"{key}.{name}={spell(node)} is not a mapping with a _target_ or null. See conf/{key}."


def of_keys(value: Mapping[Any, Any], kind: type[Keys], key: str) -> Iterator[str]:
    """The faults of a mapping whose keys are listed."""
    known = kind.known()
    for name in kind.needed():
        if name not in value:
            yield f"{dotted(key, name)} is missing. Set it; null switches off what can be switched off."
    for name, inner in value.items():
        if name in known:
            yield from faults(inner, known[name], dotted(key, name), own=kind.__module__.startswith(PACKAGE))
        else:
            yield unknown(dotted(key, name), known, instead=kind.instead.get(name, ""))


def of_target(value: Mapping[Any, Any], key: str) -> Iterator[str]:
    """The faults of a node: keys that its ``_target_`` does not take, and values that are not of their types."""
    target = value["_target_"]
    if not isinstance(target, str):
        yield told(target, str, f"{key}._target_")
        return
    takes: Taken = taken(target)
    own = target.startswith(f"{PACKAGE}.")
    for name, inner in value.items():
        if name in HYDRA_KEYS:
            yield from faults(inner, HYDRA_KEYS[name], f"{key}.{name}")
        elif name in takes.keywords:
            yield from faults(inner, takes.keywords[name], f"{key}.{name}", own=own)
        elif takes.open:
            yield from faults(inner, Any, f"{key}.{name}")
        else:
            # Perhaps the word is not at fault, but a file that it is merged with; Hydra's ~ takes out no null.
            how = "choose a file of your own: see conf/README.md." if inner is None else f"take it out: ~{key}.{name}"
            fault = unknown(f"{key}.{name}", takes.keywords, taker=target, instead=STANDS_IN.get(f"{key}.{name}", ""))
            yield (f"{fault} If a file that yours is merged with has set it, {how}")


def told(value: Any, annotation: Any, key: str) -> str:
    """A value of another kind than its setting takes, as a message."""
    members, word = set(alternatives(annotation)), spell(value)
    message = f"{key}={word} is not {describe(annotation)}."
    if value == "":
        return f"{key}= gives no value: is a variable of the shell not set? Leave {key} out, or give it one."
    if {"true", "false"} <= {*choices(annotation)} and (meant := TRUE_OR_FALSE.get(word.lower())):
        return f"{message} Write {key}={meant}."
    if bool not in members and (known := choices(annotation)):
        return f"{key}={word} is not known. {nearest(word, [*known, *(['null'] if type(None) in members else [])])}"
    for words in filter(None, map(item_choices, members)):
        if wrong := [spell(item) for item in value if spell(item) not in words] if isinstance(value, list) else []:
            return f"{key}={word}: {wrong[0]} is not known. {nearest(wrong[0], words)}"
    if any(getattr(member, "__name__", "") == "Tensor" for member in members) and isinstance(value, list):
        return f"{message} Write {key}={{_target_: torch.tensor, data: {word}}}."
    bare = {get_args(member)[0] if get_origin(member) is Annotated else member for member in members}
    if str in bare and isinstance(value, bool | int | float) and not bare & {int, float}:
        return f"{message} Quote it: {key}=\"'{word}'\""
    return message


def unknown(key: str, known: Iterable[str], *, taker: str = "", instead: str = "") -> str:
    """A key that nobody reads, as a message with the nearest names.

    Args:
        taker: what it would be given to.
        instead: what to write, where that is known.
    """
    parent = key.rpartition(".")[0]
    which = f", for {taker} takes none such" if taker else ""
    return f"There is no setting {key!r}{which}. {instead or nearest(key, [dotted(parent, name) for name in known])}"


def annotated(annotation: Any) -> Any:
    """A type without the classes of :mod:`fcnlab.cli.settings`: what else than a mapping may be there."""
    members = [m for m in alternatives(annotation) if not (inspect.isclass(m) and issubclass(m, Keys | Node | Nodes))]
    if len(members) == len(list(alternatives(annotation))):
        return annotation
    return dict[str, Any] | None if type(None) in members else dict[str, Any]


def dotted(parent: str, name: Any) -> str:
    """A key below another."""
    return f"{parent}.{name}" if parent else str(name)


def unresolved(value: Any) -> str:
    """The first text that holds ``${`` after all references were followed; none within a node."""
    if isinstance(value, str):
        return value if "${" in value else ""
    if isinstance(value, list):
        return next(filter(None, map(unresolved, value)), "")
    if isinstance(value, Mapping) and "_target_" not in value:
        return next(filter(None, map(unresolved, value.values())), "")
    return ""


def holds_target(value: Any) -> bool:
    """Whether any mapping below has a ``_target_``."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(holds_target, value.values()))
    return isinstance(value, list) and any(map(holds_target, value))


def known_keys(command: str, cfg: DictConfig, key: str) -> tuple[list[str], bool]:
    """The settings beside a dotted key, and whether it is one that its ``_target_`` takes and the config leaves out."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if not isinstance(node, DictConfig):
        return [str(k) for k in COMMANDS[command].known()], False
    names = [str(k) for k in node]
    takes = Taken({}, open=False)
    if "_target_" in node:
        takes = taken(str(node["_target_"]))
    elif parent == "trainer":
        takes = Taken(COMMANDS["train"].known()["trainer"].known(), open=False)
    elif not parent:
        takes = Taken(COMMANDS[command].known(), open=False)
    names += [k for k in takes.keywords if k not in names]
    return [dotted(parent, k) for k in names], name in takes.keywords or takes.open
