"""How paths tell the splits, for a guess: words of folders and of names, as they are or glued to others."""

import itertools
import re
from collections.abc import Collection, Sequence

SPLIT_NAMES = {
    "train": ("train", "training", "trainval", "trn", "tr"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst", "te", "ts"),
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LONG = 3  # letters of a split's word that is found within another
WORDS = "|".join(sorted(itertools.chain(*SPLIT_NAMES.values()), reverse=True))  # training before train
IN_NAME = re.compile(
    rf"(?P<head>(?:.*[^A-Za-z])??)(?i:(?P<word>{WORDS}))"
    r"(?P<part>[A-Z]?)(?P<middle>[-_. ]+)(?P<rest>.+)"
)
Key = tuple[str, str]  # the spelling of a split, and a name


def split_of(word: str) -> str | None:
    """The split that a word means."""
    return next((split for split, words in SPLIT_NAMES.items() if word.lower() in words), None)


def tails_of(words: Collection[str]) -> list[str]:
    """What words have behind train and behind val or test, as crop in traincrop and testcrop; first nothing."""
    behind = {
        split: {
            word.lower().removeprefix(name)
            for word in words
            for name in names
            if len(name) >= LONG and word.lower().startswith(name)
        }
        for split, names in SPLIT_NAMES.items()
    }
    return sorted({""} | behind["train"] & (behind["val"] | behind["test"]), key=len)


def spelling(word: str, tails: Sequence[str]) -> str:
    """The part of a word that means a split, if any does."""
    heads = (word[: len(word) - len(tail)] for tail in tails if word.lower().endswith(tail))
    return next((head for head in heads if split_of(head) and (head == word or len(head) >= LONG)), "")


def marked(text: str, spelled: str, tails: Sequence[str]) -> str:
    """A text with {split} for the word that means it."""
    if not spelled:
        return text
    return WORD.sub(
        lambda word: "{split}" + word[0].removeprefix(spelled) if spelling(word[0], tails) == spelled else word[0], text
    )


def literal(text: str) -> str:
    """A part of a path as a template has it: braces would be a field, but those of {split}."""
    return "{split}".join(re.sub(r"[{}]", "?", part) for part in text.split("{split}"))


def common(one: str, other: str) -> str:
    """A word, or what two words share at one end, with * for the rest: train* for train and training."""
    head, tail = (
        "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*some, strict=False)))
        for some in ((one, other), (one[::-1], other[::-1]))
    )
    tail = tail[::-1]
    return one if one == other else f"{head}*" if len(head) > 1 else f"*{tail}" if len(tail) > 1 else "*"


def split_words(names: Sequence[str]) -> list[str]:
    """The splits of which most names speak somewhere, where these are of several."""
    told = [{split for word in WORD.findall(name) if (split := split_of(word))} for name in names]
    found = [split for split in SPLIT_NAMES if any(split in some for some in told)]
    return found if len(found) > 1 and 2 * sum(map(bool, told)) > len(names) else []


def split_in_names(names: Sequence[str]) -> tuple[str, list[Key]] | None:
    """What stands before and behind the split in all names, as a template, and the names without; None without one.

    Parts of one split are a field: testA_1 and testB_1 are of test{part}.
    """
    found = [IN_NAME.fullmatch(name) for name in names]
    fits = [one for one in found if one]
    splits = {one["word"]: split_of(one["word"]) for one in fits}
    about = {(one["head"], one["middle"]) for one in fits}
    if len(fits) < len(found) or len(about) > 1 or "train" not in splits.values() or len(splits) < 2:
        return None
    if len({*splits.values()}) < len(splits):
        return None
    parts = {word: {one["part"] for one in fits if one["word"] == word} for word in splits}
    called = {word: word + ("{part}" if len(some) > 1 else min(some)) for word, some in parts.items()}
    if any("" in some and len(some) > 1 for some in parts.values()):
        return None
    ((head, middle),) = about
    keys = [
        (called[one["word"]], "_".join([one["part"]] * (len(parts[one["word"]]) > 1) + [one["rest"]])) for one in fits
    ]
    return f"{literal(head)}{{split}}{literal(middle)}{{name}}", keys
