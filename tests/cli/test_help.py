"""The help of every command is its module's own words, and its examples compose."""

import ast
import re
import shlex

import pytest
from conftest import PROJECT
from hydra.core.config_store import ConfigStore

from fcnlab.cli.arguments import arrange
from fcnlab.cli.compose import compose
from fcnlab.cli.help import offer_help
from fcnlab.cli.settings import COMMANDS
from fcnlab.error import UserError


def test_dollars_of_a_promise_are_no_template() -> None:
    assert offer_help("x", "Costs ``$5``.") == "hydra/help=fcnlab"
    node = ConfigStore.instance().load("hydra/help/fcnlab.yaml").node
    assert "Costs $$5." in node.template


@pytest.mark.parametrize("name", COMMANDS)
def test_the_three_examples_of_a_command_are_known_to_the_schema(name: str) -> None:
    source = (PROJECT / "src" / "fcnlab" / f"{name}.py").read_text()
    examples = re.findall(rf"^    python -m fcnlab\.{name}(.*)$", ast.get_docstring(ast.parse(source)) or "", re.M)
    assert len(examples) == 3
    for example in examples:
        flags, overrides = arrange(shlex.split(example))
        if "-m" in flags or "from_caffe" in example:  # several jobs; what a file that is not here brings
            continue
        try:
            compose(name, overrides)
        except UserError as error:
            pytest.fail(f"{example}: {error}")
