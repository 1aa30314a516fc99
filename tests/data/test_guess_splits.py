"""Words that mean splits are found in folders and names, and no others."""

import pytest

from fcnlab.data.guess_splits import common, marked, spelling, split_in_names, split_words, tails_of


@pytest.mark.parametrize(
    ("words", "word", "spelled"),
    [
        (["traincrop", "valcrop"], "traincrop", "train"),
        (["traincrop", "images"], "traincrop", ""),
        (["training", "testing"], "training", "training"),
        (["trees", "tests"], "trees", ""),
        (["contest"], "contest", ""),
        (["imagesTr"], "Tr", "Tr"),
    ],
)
def test_a_word_means_a_split_alone_or_glued_to_what_other_splits_have(
    words: list[str], word: str, spelled: str
) -> None:
    assert spelling(word, tails_of(words)) == spelled


def test_capitals_part_words() -> None:
    assert marked("imagesTr", "Tr", [""]) == "images{split}"
    assert marked("VOCdevkit", "dev", [""]) == "VOCdevkit"


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [("train", "training", "train*"), ("Train", "train", "*rain"), ("val", "dev", "*"), ("test", "test", "test")],
)
def test_two_words_for_a_split_share_an_end_or_nothing(one: str, other: str, shared: str) -> None:
    assert common(one, other) == shared


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["0_train_1", "1_train_0", "2_test_1"], ["train", "test"]),
        (["0_train_1", "1_train_0"], []),
        (["tests_1", "contest_2", "train"], []),
        (["a train", "a test", "b", "c", "d"], []),
    ],
)
def test_words_of_splits_anywhere_in_names(names: list[str], told: list[str]) -> None:
    assert split_words(names) == told


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a_train_1", "a_val_1"], ("a_{split}_{name}", [("train", "1"), ("val", "1")])),
        (
            ["train_1", "testA_1", "testB_1"],
            ("{split}_{name}", [("train", "1"), ("test{part}", "A_1"), ("test{part}", "B_1")]),
        ),
        (["train_1", "val_1", "valid_2"], None),
        (["train_1", "other_1"], None),
        (["train_1", "train_2"], None),
        (["constrain_1", "test_1"], None),
    ],
)
def test_names_tell_the_splits_if_all_do(names: list[str], told: object) -> None:
    assert split_in_names(names) == told
