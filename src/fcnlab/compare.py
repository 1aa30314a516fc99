"""Turn finished runs into one table and one page: ``python -m fcnlab.compare 'runs=runs/shapes-*'``.

Expect three tables in the terminal (scores, cost, IoU by class) and, in ``output``, ``comparison.html`` (one page that
needs nothing else), ``comparison.md``, ``comparison.csv`` and ``comparison.json``. Runs tested on other images are an
error, unfinished ones are left out and named.

Examples::

    python -m fcnlab.compare 'runs=runs/shapes-*'
    python -m fcnlab.compare 'runs=runs/shapes-*' gallery=gallery.png figure=curves.png
    python -m fcnlab.compare 'runs=runs/shapes-*' wandb=ENTITY/PROJECT

Read on: src/fcnlab/comparison/README.md.
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def compare(cfg: DictConfig) -> dict[str, Any]:
    """Compare the runs that ``cfg.runs`` names; returns the content of comparison.json."""
    from fcnlab.cli.compose import plain
    from fcnlab.comparison.finished import find_runs

    config = plain(cfg)
    return compare_runs(find_runs(config["runs"], config["runs_dir"]), config)


def compare_runs(
    folders: "Sequence[Path]",
    config: dict[str, Any],
    rows: dict[str, Any] | None = None,
    check: "Callable[[dict[str, Any]], None] | None" = None,
) -> dict[str, Any]:
    """Compare run folders, and write what ``output``, ``readme``, ``gallery`` and ``figure`` of ``config`` ask for.

    Args:
        rows: what is expected and published, by model; None takes those in each run's config.
        check: raises where ``readme``, ``gallery`` and ``figure`` must not be written.
    """
    from pathlib import Path

    from fcnlab.cli.terminal import say
    from fcnlab.comparison.figure import write_figure
    from fcnlab.comparison.finished import check_comparable, read_runs
    from fcnlab.comparison.gallery import write_gallery
    from fcnlab.comparison.page import page
    from fcnlab.comparison.readme import write_results
    from fcnlab.comparison.summary import summarise
    from fcnlab.comparison.table import class_grid, cost_grid, csv_text, notes, report, score_grid, show
    from fcnlab.comparison.variants import group
    from fcnlab.run.files import write_atomic, write_json

    runs, left_out = read_runs(folders)
    check_comparable(runs)
    variants = group(runs)
    comparison = summarise(variants, left_out, samples=config["samples"], rows=rows)

    for grid in (score_grid(comparison), cost_grid(comparison), class_grid(comparison)):
        show(grid)
    for note in notes(comparison):
        say(note)
    output = Path(config["output"]).expanduser()
    write_json(output / "comparison.json", comparison)
    write_atomic(output / "comparison.csv", csv_text(comparison))
    write_atomic(output / "comparison.md", report(comparison))
    write_atomic(output / "comparison.html", page(comparison, variants, config["images"]))
    say(f"Page: {output / 'comparison.html'} (beside it .md, .csv, .json)")
    if check:
        check(comparison)
    if config["gallery"]:
        write_gallery(Path(config["gallery"]).expanduser(), variants, config["images"])
        say(f"Gallery: {config['gallery']}")
    if config["figure"]:
        write_figure(Path(config["figure"]).expanduser(), variants, comparison)
        say(f"Figure: {config['figure']}")
    if address := config.get("wandb"):
        from fcnlab.cli.annotation import spell
        from fcnlab.comparison.wandb import publish

        call = f"python -m fcnlab.compare 'runs={spell(config['runs'])}' wandb={address} output={output}"
        publish(address, comparison, variants, output / "wandb.json", call)
    if config["readme"]:
        write_results(Path(config["readme"]).expanduser(), comparison)
        say(f"Results: {config['readme']}")
    return comparison


main = command(compare)

if __name__ == "__main__":
    main()
