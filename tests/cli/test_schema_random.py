"""Random values and words at the door of every command: a config, or a message with a name, never something else."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fcnlab.cli.arguments import arrange
from fcnlab.cli.compose import CONF, compose
from fcnlab.cli.explain import explain, is_explained
from fcnlab.cli.schema import check
from fcnlab.cli.settings import COMMANDS

KEYS = {name: sorted(key for key in COMMANDS[name].known()) for name in COMMANDS}
DEEP = ("data.batch_size", "data.augment", "model.backbone.width", "optim.lr", "trainer.devices", "net.width", "loss.x")
VALUES = (
    *("true", "no", "off", "null", "0", "-1", "1.5", "1e-3", "1e400", "nan", "[1,2]", "[]", "{}", "{a: 1}", "[{}]"),
    *("'a b'", "é", "나", "a.b", "${seed}", "'${x}'", "???", "0,1", "choice(1,2)", "range(3)", "''", "~", "shapes"),
    *("{_target_: os.getcwd}", "{_target_: nowhere.at_all}", "[{_target_: albumentations.Blur, q: 1}]", "adamw"),
)


KINDS = {bool: (bool,), int: (int,), float: (int, float), str: (str,), list: (list, type(None)), dict: (dict,)}
OTHERS = {  # what else than the kind of its shipped value a setting takes, by the comments of conf/
    "data.scale": (float,),
    "model.backbone.padding": (int,),
    "metrics": (type(None),),
    "callbacks": (type(None),),
    "logger": (type(None),),
    "scheduler.scheduler": (type(None),),
    "trainer.devices": (str, list),
    "trainer.accelerator": (dict,),
    "trainer.strategy": (dict,),
    "trainer.fast_dev_run": (int,),
    "trainer.precision": (int, type(None)),
    "trainer.limit_train_batches": (float,),
    "channels_last": (bool,),
    "tile": (int, type(None)),
    "epochs": (type(None),),
    "trainer.max_epochs": (type(None),),
    "trainer.check_val_every_n_epoch": (type(None),),
    "trainer.num_sanity_val_steps": (type(None),),
    "trainer.log_every_n_steps": (type(None),),
    "trainer.enable_progress_bar": (type(None),),
    "trainer.enable_model_summary": (type(None),),
    "data.num_workers": (int,),
    "runs": (list,),
}
ODD = (
    *(None, True, False, 0, 1, -1, 3, 10**12, 0.5, -0.5, 1e-3, float("nan"), float("inf"), "", "no", "on", "1", "1e-3"),
    *("나", "a b", "../x", [], [1], ["a"], [None], [[]], {}, {"a": 1}, {"_target_": "os.getcwd"}, {"_target_": 1}),
)


def leaves(node: dict, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a config by its dotted name, down to what a ``_target_`` is given."""
    for key, value in node.items():
        yield f"{above}{key}", value
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{key}.")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_random_values_are_of_the_kind_of_the_shipped_one_or_refused_with_their_name(name: str) -> None:
    """The shipped YAML is the judge, not the schema: ``test: true`` takes no word, no number and no null."""
    shipped = compose(name)
    known = dict(leaves(OmegaConf.to_container(shipped, resolve=True)))
    own = [key for key in known if not re.match(r"optim\.optimizer\.|scheduler\.scheduler\.|logger\.|overrides", key)]

    @given(st.data())
    @settings(max_examples=60, derandomize=True, deadline=None)
    def judge(data: st.DataObject) -> None:
        key, value = data.draw(st.sampled_from(own)), data.draw(st.sampled_from(ODD))
        config = copy.deepcopy(shipped)
        OmegaConf.update(config, key, value, merge=False)
        try:
            check(name, config)
        except Exception as error:
            assert is_explained(error), f"{name} {key}={value!r}: {error!r}"
            return
        default = known[key]
        kinds = (*KINDS.get(type(default), (object,)), *OTHERS.get(key, ()))
        right = any(type(value) is kind or kind is object for kind in kinds) and value not in ("", float("inf"))
        assert right, f"{name} takes {key}={value!r} instead of {default!r}"

    judge()


@given(st.data())
@settings(max_examples=40, derandomize=True, deadline=None)
def test_random_words_give_a_config_or_a_message_and_are_never_taken_for_something_else(data: st.DataObject) -> None:
    """A value that is accepted stands in the config as it was given; a key that is not known is never accepted."""
    name = data.draw(st.sampled_from(sorted(COMMANDS)))
    noise = st.text("abcdefgh._+~-=[]{}'\"$ 0", min_size=1, max_size=8)
    keys = st.one_of(st.sampled_from([*KEYS[name], *DEEP]), noise)
    prefix, key = data.draw(st.sampled_from(["", "", "+", "++", "~", "-", "--"])), data.draw(keys)
    value = data.draw(st.one_of(st.sampled_from(VALUES), noise, st.integers().map(str), st.floats().map(str)))
    word = f"{prefix}{key}={value}"
    try:
        flags, words = arrange([word])
        if flags:
            return
        config = compose(name, words)
    except Exception as error:
        assert is_explained(error), f"{name} {word}: {error!r}"
        message = explain(error, name, [word])
        assert message.strip()
        assert "Traceback" not in message
        return
    parsed: Any = OverridesParser.create().parse_override(word)
    if prefix == "~" or (CONF / key).is_dir():
        return
    assert key.lstrip("+~").split(".")[0] in KEYS[name], f"{name} {word} was accepted"
    found = OmegaConf.select(config, parsed.key_or_group, throw_on_missing=False)
    if not isinstance(found, str) and not str(value).startswith("${") and found is not None:
        assert type(found) in (type(parsed.value()), type(config)) or OmegaConf.is_config(found), f"{name} {word}"
