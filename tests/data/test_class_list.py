"""Classes as people write them down: names, labels and colours, in text, YAML, JSON and CSV."""

import json
from pathlib import Path

import pytest
from data.made import folder, make, same, save, truth

from fcnlab.data.class_list import ClassList, read_classes
from fcnlab.error import UserError

NAMES = ("ground", "leaf", "stem")
RED = ((200, 30, 30),)
SAME = {
    "a.txt": "ground\n\n leaf\nstem",
    "b.txt": "# what is drawn\nground\nleaf\n  # and what is rare\nstem\n",
    "a.yaml": "- ground\n- leaf\n- stem\n",
    "b.yaml": "2: stem\n0: ground\n1: leaf\n",
    "c.yaml": "ground: 0\nleaf: 1\nstem: 2\n",
    "d.yml": "classes:\n- {name: ground, label: 0}\n- {name: leaf, label: 1}\n- {name: stem, label: 2}\n",
    "a.json": json.dumps(NAMES),
    "b.json": json.dumps({"0": "ground", "1": "leaf", "2": "stem"}),
    "a.csv": "name,label\nground,0\nleaf,1\nstem,2\n",
    "b.csv": " id , class\n0,ground\n1,leaf\n2,stem\n",
}


@pytest.mark.parametrize("name", SAME)
def test_names_and_labels_are_the_same_however_they_are_written(name: str, tmp_path: Path) -> None:
    make(tmp_path, classes=None)
    (tmp_path / name).write_text(SAME[name])
    data = folder(tmp_path, f"data.classes={name}")
    assert data.class_names == NAMES
    assert same(data)


COLOURED = {
    "a.csv": "name,r,g,b,class_11\nground,0,0,0,1\nleaf,200,30,30,1\n",
    "d.csv": "name;r;g;b\r\nground;0;0;0\r\nleaf;200;30;30\r\n",
    "b.csv": "Name, Red, Green, Blue\nground, 0, 0, 0\nleaf, 200, 30, 30\n",
    "a.yaml": "ground: {colour: [0, 0, 0]}\nleaf: {colour: [200, 30, 30]}\n",
    "b.yaml": "ground: '#000000'\nleaf: '#c81e1e'\n",
    "a.json": '{"classes": [{"title": "ground", "color": "#000000"}, {"title": "leaf", "color": "#C81E1E"}]}',
    "a.txt": "0 0 0\t\tground\n200 30 30\tleaf\n",
    "b.txt": "# name r g b\nground 0 0 0\nleaf, 200, 30, 30\n",
    "c.txt": "0 ground 0 0 0\n1 leaf 200 30 30\n",
    "c.csv": 'name,rgb\nground,"0 0 0"\nleaf,"[200, 30, 30]"\n',
}


@pytest.mark.parametrize("name", COLOURED)
def test_colours_are_the_same_however_they_are_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(COLOURED[name])
    found = read_classes(name, tmp_path, "")
    assert found.names == ("ground", "leaf")
    assert found.colours == (((0, 0, 0),), RED)
    assert found.labels == ((0,), (1,))


def test_known_colours_are_those_of_figures(tmp_path: Path) -> None:
    make(tmp_path, classes=None, count=2)
    (tmp_path / "a.csv").write_text(COLOURED["a.csv"])
    assert folder(tmp_path, "data.classes=a.csv").palette == [[0, 0, 0], [200, 30, 30]]


def test_a_class_in_several_rows_is_merged_and_void_counts_nowhere() -> None:
    found = read_classes({0: "void", 7: "road", 8: "pavement", 9: "road"}, Path(), "")
    assert found.names == ("road", "pavement")
    assert found.labels == ((7, 9), (8,))
    assert found.void_labels == (0,)
    rows = [{"name": "Void", "colour": [0, 0, 0]}, {"name": "a", "colour": "#ff0000"}, {"name": "a", "colour": "#0f0"}]
    found = read_classes(rows, Path(), "")
    assert found == ClassList(
        names=("a",),
        labels=((1, 2),),
        colours=(((255, 0, 0), (0, 255, 0)),),
        void_labels=(0,),
        void_colours=((0, 0, 0),),
    )


def test_a_yaml_class_may_be_called_no(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- no\n- yes\n- 1e3\n")
    assert read_classes("a.yaml", tmp_path, "").names == ("no", "yes", "1e3")


def test_keys_of_a_mapping_are_labels(tmp_path: Path) -> None:
    make(tmp_path, lambda p, m: save(p, m + 1), classes=None, count=2)
    (tmp_path / "c.yaml").write_text("{1: cat, 2: dog}\n")
    data = folder(tmp_path, "data.classes=c.yaml")
    assert data.class_names == ("cat", "dog")
    assert same(data, lambda index: truth(index, 2))
    save(tmp_path / "masks" / "photo_0.png", truth(0, 2))
    with pytest.raises(UserError, match="has label 0. Known labels are 1 to 2 for 2 classes, and 255 for void"):
        data.read("train", 0)


WRONG = {
    "a.txt": ("a\nb\na\n", "one class name per line, none twice"),
    "a.yaml": ("- a\n- {name: b, label: 3}\n", "gives a label to some classes and none to a"),
    "b.yaml": ("a: 1\nb: 1\n", "gives label 1 twice"),
    "c.yaml": ("a: [1, 2, 3]\n", "{label: [1, 2]} or a: {colour: [128, 0, 0]}"),
    "d.yaml": ("a: {colour: [0, 0, 256]}\n", "is no colour"),
    "e.yaml": ("a: {colour: '#00000g'}\n", "'#00000g' is no colour"),
    "f.yaml": ("- {label: 1}\n", "a class without a name"),
    "g.yaml": ("a: {label: -1}\n", "has label '-1' for class a"),
    "h.yaml": ("{a: {colour: red}, b: {label: 1}}", "gives a label to some classes"),
    "i.yaml": ("[{name: a, colour: red}, b]", "gives a colour to some classes and none to b"),
    "j.yaml": ("12\n", "Write a list of class names"),
    "a.json": ("[a", "is no JSON"),
    "a.csv": ("ground,0,0,0\n", "Its first line must be name,r,g,b"),
    "b.csv": ("name,r,g,b\nground,0,0\n", "is no colour"),
    "empty.txt": ("\n", "lists nothing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_refused(name: str, tmp_path: Path) -> None:
    content, told = WRONG[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as error:
        read_classes(name, tmp_path, "")
    assert told in str(error.value)


def test_a_name_that_yaml_takes_for_true_is_refused_where_it_is_written_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has True for the name of a class. Put names in quotes"):
        folder(make(tmp_path), "data.classes=[true, b]")
