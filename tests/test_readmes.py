"""What README files say is there, in the field's words, which code and tests use too."""

import ast
import re
from pathlib import Path

import pytest
from conftest import PROJECT

SKIP = {".venv", ".hypothesis", ".pytest_cache", "runs", "data"}  # at the top
READMES = sorted(p for p in PROJECT.rglob("README*.md") if p.relative_to(PROJECT).parts[0] not in SKIP)
IDS = [path.relative_to(PROJECT).as_posix() for path in READMES]
# Words that an earlier state had invented, or that readers whose first language is not English must look up.
AVOIDED = (
    *("trunk", "rung", "ladder", "typed", "whole files", "crowd", "remedy", "said", "place", "strips", "pieces"),
    *("picture", "watch", "evidence"),
)
WORDS = re.compile(rf"\b({'|'.join(AVOIDED)})s?\b", re.IGNORECASE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VERBS = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = {path.stem for path in (PROJECT / "conf").glob("*.yaml")}


def prose(text: str) -> str:
    """A README without its tables that commands wrote."""
    return re.sub(r"<!-- results: .*?<!-- end of results: \S+ -->", "", text, flags=re.DOTALL)


def test_every_room_that_is_promised_has_its_readme() -> None:
    rooms = ("conf", "conf/experiment", "src/fcnlab", "tests", "notebooks")
    wings = (f"src/fcnlab/{wing}" for wing in ("benchmark", "comparison", "data", "model", "run", "sweep", "task"))
    assert set(IDS) == {"README.md", "README.ko.md", *(f"{room}/README.md" for room in (*rooms, *wings))}


@pytest.mark.parametrize("readme", READMES, ids=IDS)
def test_a_readme_is_short_and_opens_with_a_command(readme: Path) -> None:
    text = readme.read_text()
    assert text.count("\n") <= 150
    assert text.startswith("# ")
    assert not (fenced := [kind for kind, _ in BLOCK.findall(text) if not kind]), (
        f"{len(fenced)} blocks name no language"
    )
    if readme.parent != PROJECT:
        assert text.split("\n\n")[1].startswith("```bash\n"), "a room's README opens with its command"


@pytest.mark.parametrize("readme", READMES, ids=IDS)
def test_a_readme_uses_the_words_of_the_field(readme: Path) -> None:
    assert [word.group() for word in WORDS.finditer(prose(readme.read_text()))] == []


@pytest.mark.parametrize("readme", READMES, ids=IDS)
def test_links_lead_somewhere(readme: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", readme.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        there = (readme.parent / file).resolve() if file else readme
        assert there.exists(), f"{target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in known, f"{target}: no such heading"


@pytest.mark.parametrize("readme", READMES, ids=IDS)
def test_commands_and_verbs_exist(readme: Path) -> None:
    text = readme.read_text()
    assert set(re.findall(r"python -m fcnlab\.(\w+)", text)) <= COMMANDS
    code = "\n".join(body for kind, body in BLOCK.findall(text) if kind == "bash")
    code += "\n".join(re.findall(r"`([^`\n]+)`", text))
    assert set(re.findall(r"^make (?:[A-Z]+=\S+ )?([a-z][a-z-]*)", code, re.MULTILINE)) <= VERBS


def test_the_makefile_has_a_line_of_help_for_every_verb() -> None:
    text = (PROJECT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == VERBS


@pytest.mark.parametrize(
    "path", [*(PROJECT / "conf").rglob("*.yaml"), PROJECT / "Makefile"], ids=lambda path: path.name
)
def test_settings_use_the_words_of_the_field(path: Path) -> None:
    assert [word.group() for word in WORDS.finditer(path.read_text())] == []


def test_code_uses_the_words_of_the_field() -> None:
    """Names, docstrings, comments and messages of the package, but for the name of a class of NYUDv2."""
    files = [path for path in (PROJECT / "src").rglob("*") if path.suffix in (".py", ".html", ".css")]
    found = {path.name: WORDS.findall(path.read_text()) for path in files}
    assert {name: words for name, words in found.items() if words} == {"nyud.py": ["picture"]}


def test_tests_are_named_and_told_in_the_words_of_the_field() -> None:
    found = list[str]()
    for path in sorted((PROJECT / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text())
        named = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        texts = [ast.get_docstring(node) or "" for node in (tree, *named)]
        texts += [node.name.replace("_", " ") for node in named]
        found += [f"{path.name}: {word}" for text in texts for word in WORDS.findall(text)]
    assert set(found) <= {"test_coco.py: crowd"}  # COCO's own word for a region of many objects
