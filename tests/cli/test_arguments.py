"""The command line is taken apart without Hydra's rules on order and quotes."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.cli.arguments import arrange, by_checkpoint, is_multirun, quoted, value_of
from fcnlab.error import UserError


def test_flags_and_overrides_are_parted_in_their_order() -> None:
    flags, overrides = arrange(["a=1", "-m", "b=2", "--config-dir=x", "c=3", "--cfg", "job", "--info", "searchpath"])
    assert flags == ["-m", "--config-dir", "x", "--cfg", "job", "--info", "searchpath"]
    assert overrides == ["a=1", "b=2", "c=3"]
    assert is_multirun(flags)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--optim.lr=0.01"], "without dashes: optim.lr=0.01."),
        (["--seed", "3"], "without dashes: seed=3."),
        (["--cfg"], "--cfg needs a value after it"),
        (["model=[fcn8s, fcn32s]"], "would be a mixture of them. For a run with each, add -m: model=fcn8s,fcn32s"),
        (["optim=null"], "null is none. Known: adamw, sgd, sgd_paper."),
        (["logger=null"], "null is none. Write logger=none."),
    ],
)
def test_words_that_are_neither_are_told(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        arrange(words)


def test_a_tilde_in_runs_dir_is_home_for_hydra_too() -> None:
    """Its launchers write below runs_dir before the config is checked."""
    assert arrange(["runs_dir='~/my runs'"]) == ([], [f"runs_dir='{Path.home()}/my runs'"])
    for word in ("runs_dir=a~b", "runs_dir=~other/x", "weights=~/x", "runs_dir=runs"):
        assert arrange([word]) == ([], [word])


def test_checkpoints_with_commas_within_quotes_are_one() -> None:
    assert by_checkpoint(["checkpoint='a, b.ckpt'", "x=1,2"]) == [["checkpoint='a, b.ckpt'", "x=1,2"]]
    assert by_checkpoint(["checkpoint=a,'b c'"]) == [["checkpoint='a'"], ["checkpoint='b c'"]]


SIGNS = "ab '\"\\,=[]{}"


@given(st.text(SIGNS, max_size=8))
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    assert OverridesParser.create().parse_override(f"key={quoted(text)}").value() == text
    assert value_of(f"key={quoted(text)}") == [text]
