"""Variants are runs that differ in the seed alone, named by what tells them apart, and held against a coarser one."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from comparison.conftest import one

from fcnlab.comparison.finished import FinishedRun, find_runs, read_runs
from fcnlab.comparison.variants import Variant, coarser, group


def test_runs_that_differ_in_the_seed_alone_are_one_variant_and_variants_go_from_coarse_to_fine(copy: Path) -> None:
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [variant.name for variant in variants] == ["fcn32s", "fcn8s"]
    assert [[run.config["seed"] for run in variant.runs] for variant in variants] == [[0, 1], [0, 1]]


def test_a_variant_of_the_same_net_is_named_by_what_differs(copy: Path) -> None:
    file = one(copy, "fcn8s-shapes-s1") / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["optim"]["lr"] = 0.5
    file.write_text(yaml.safe_dump(config))
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [variant.name for variant in variants] == ["fcn32s", "fcn8s optim.lr=0.005", "fcn8s optim.lr=0.5"]
    config["epochs"] = config["trainer"]["max_epochs"] = 7  # which follows, and is not told twice
    file.write_text(yaml.safe_dump(config))
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [variant.name for variant in variants][-1].partition(" epochs=")[2] == "7"


def test_what_follows_from_an_override_is_not_told_beside_it(copy: Path) -> None:
    file = one(copy, "fcn8s-shapes-s1") / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["optim"] |= {"lr": 0.5, "weight_decay": 0.5}
    for overrides, told in (("optim.lr=0.5", "optim.lr=0.5"), ("x=0", "optim.lr=0.5 optim.weight_decay=0.5")):
        file.write_text(yaml.safe_dump(config | {"overrides": [overrides]}))
        assert group(read_runs(find_runs(str(copy), "runs"))[0])[-1].name == f"fcn8s {told}"


def test_a_variant_that_starts_from_a_coarser_one_is_named_by_the_stage(copy: Path) -> None:
    file = one(copy, "fcn8s-shapes-s1") / "config.yaml"
    start = one(copy, "fcn32s-shapes-s1").name
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"start": start}))
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [variant.name for variant in variants] == ["fcn32s", "fcn8s start=fcn32s", "fcn8s start=null"]


def test_the_run_that_a_stage_starts_from_counts_without_its_seed(copy: Path) -> None:
    for seed in (0, 1):
        file = one(copy, f"fcn8s-shapes-s{seed}") / "config.yaml"
        start = one(copy, f"fcn32s-shapes-s{seed}").name
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"start": start}))
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [len(variant.runs) for variant in variants] == [2, 2]
    # Another predecessor makes another variant.
    file = one(copy, "fcn32s-shapes-s1") / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"score": "last"}))
    assert len(group(read_runs(find_runs(str(copy), "runs"))[0])) == 4


def variant(name: str, *skips: str, **settings: Any) -> Variant:
    run = FinishedRun(Path(), {"model": {"skips": list(skips)}}, {}, {}, [], (), np.zeros((3, 0, 0), np.int64))
    return Variant(name, (run,), settings)


def test_a_variant_is_held_against_the_likest_of_the_finest_coarser_ones() -> None:
    coarse, slow = variant("32s"), variant("16s slow", "pool4", lr=1)
    fast, fine = variant("16s fast", "pool4", lr=2), variant("8s", "pool4", "pool3", lr=2)
    atonce = variant("8s at once", "pool4", "pool3", lr=1)
    every = [coarse, slow, fast, fine, atonce]
    assert [coarser(each, every) for each in every] == [None, coarse, coarse, fast, slow]
    assert coarser(fine, [fine, atonce]) is None
    assert coarser(atonce, [fine, atonce]) is fine  # nothing coarser: the first


def test_a_variant_is_named_by_its_overrides_where_many_settings_follow_from_them(copy: Path) -> None:
    file = one(copy, "fcn8s-shapes-s1") / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config |= {"callbacks": {"ema": {"_target_": "lightning.pytorch.callbacks.EMAWeightAveraging", "decay": 0.9}}}
    file.write_text(yaml.safe_dump(config | {"overrides": [*config["overrides"], "callbacks=ema"]}))
    variants = group(read_runs(find_runs(str(copy), "runs"))[0])
    assert [variant.name for variant in variants] == ["fcn32s", "fcn8s", "fcn8s callbacks=ema"]
