"""Measure speed on the machine at hand, beside what people would use instead: ``make bench``.

Expect a row per figure with its goal: the median over the rounds, its spread, what is behind it. ``bench.json`` in
``output`` keeps them with device and versions. Nothing is asserted. Leave the machine alone meanwhile: ten minutes on
two CPU cores.
"""

from typing import Any

from omegaconf import DictConfig

from fcnlab.command import command

SECTIONS = ("launch", "loader", "step", "loop", "classes", "growth")  # modules of fcnlab.benchmark


def bench(cfg: DictConfig) -> dict[str, Any]:
    """Measure what ``cfg.sections`` names; returns the content of bench.json."""
    import datetime
    import gc
    import time
    from importlib import import_module
    from pathlib import Path

    import torch

    from fcnlab.benchmark.row import Row
    from fcnlab.compose import plain
    from fcnlab.error import UserError, nearest
    from fcnlab.provenance import circumstances, machine_name
    from fcnlab.record import write_json
    from fcnlab.report import bench_table, say

    config = plain(cfg)
    for section in config["sections"]:
        if section not in SECTIONS:
            raise UserError(f"sections={section} is not measured. {nearest(section, SECTIONS)}")
    device = machine_name("cuda" if torch.cuda.is_available() else "cpu")
    say(f"{device}, torch {torch.__version__}")
    started, rows = time.monotonic(), list[Row]()
    for section in config["sections"]:
        begun = time.monotonic()
        found = import_module(f"fcnlab.benchmark.{section}").rows(config)
        bench_table(f"{section}, {time.monotonic() - begun:.0f} s", found)
        rows += found
        gc.collect()
    facts = {
        "date": datetime.date.today().isoformat(),
        "device": device,
        "seconds": round(time.monotonic() - started),
        **{key: value for key, value in circumstances(config).items() if key not in ("diff", "source_hash")},
        "config": config,
        "rows": [row.plain() for row in rows],
    }
    file = Path(config["output"]).expanduser() / "bench.json"
    write_json(file, facts)
    goals = [row.reached for row in rows if row.reached is not None]
    say(f"{sum(goals)} of {len(goals)} goals reached in {facts['seconds']} s. Figures: {file}")
    return facts


@command("bench")
def main(cfg: DictConfig) -> dict[str, Any]:
    """Command line entry."""
    return bench(cfg)


if __name__ == "__main__":
    main()
