"""Measure speed on the machine at hand, beside what people would use instead: ``make bench``.

Expect a row per figure with its goal: the median over the rounds, its spread, what is behind it. ``bench.json`` in
``output`` keeps them with device and versions. Nothing is asserted. Leave the machine alone meanwhile: ten minutes on
two CPU cores.

Examples::

    python -m fcnlab.bench
    python -m fcnlab.bench pytorch_fcn=CLONE camvid=DIR
    python -m fcnlab.bench sections=[backbones] rounds=20

Read on: src/fcnlab/benchmark/README.md.
"""

from typing import Any

from omegaconf import DictConfig

from fcnlab.cli.command import command

# Modules of fcnlab.benchmark.
SECTIONS = ("launch", "startup", "loader", "step", "loop", "classes", "growth", "backbones")


def bench(cfg: DictConfig) -> dict[str, Any]:
    """Measure what ``cfg.sections`` names; returns the content of bench.json."""
    import datetime
    import gc
    import time
    from importlib import import_module
    from pathlib import Path

    import torch

    from fcnlab.benchmark.row import Row, bench_table, in_markdown
    from fcnlab.cli.compose import plain
    from fcnlab.cli.terminal import say
    from fcnlab.comparison.readme import write_between
    from fcnlab.run.files import write_json
    from fcnlab.run.provenance import circumstances, cpu_name, machine_name
    from fcnlab.trainer.allocator import give_back

    config = plain(cfg)
    check(config)
    device, file = machine_name("cuda" if torch.cuda.is_available() else "cpu"), Path(config["output"]).expanduser()
    facts = circumstances(config) | {"device": device, "cpu": cpu_name(), "config": config}
    facts |= {"date": datetime.date.today().isoformat(), "diff": bool(facts["diff"])}  # whether the code was changed
    say(f"{device}, torch {torch.__version__}")
    started, rows = time.monotonic(), list[Row]()
    for section in config["sections"]:
        write_json(file / "bench.json", facts)  # before it is measured, so that nothing is lost
        begun = time.monotonic()
        found = import_module(f"fcnlab.benchmark.{section}").rows(config)
        bench_table(f"{section}, {time.monotonic() - begun:.0f} s", found)
        rows += found
        facts |= {"seconds": round(time.monotonic() - started), "rows": [row.plain() for row in rows]}
        gc.collect()
        give_back()
        torch.cuda.empty_cache()
    write_json(file / "bench.json", facts)
    goals, absent = [row.reached for row in rows if row.reached is not None], sum(not row.values for row in rows)
    say(f"{sum(goals)} of {len(goals)} goals reached, {absent} rows not measured, {facts['seconds']} s.")
    say(f"Figures: {file / 'bench.json'}")
    if config["readme"]:
        name = config["sections"][0] if len(config["sections"]) == 1 else "bench"
        write_between(Path(config["readme"]), name, in_markdown(facts, rows))
    return facts


def check(config: dict[str, Any]) -> None:
    """Raise UserError for amounts among which no growth can be seen."""
    from fcnlab.error import UserError

    for key, values in config["growth"].items():
        if len(set(values)) < 2:
            raise UserError(f"growth.{key}={values} must hold 2 different values or more.")


main = command(bench)

if __name__ == "__main__":
    main()
