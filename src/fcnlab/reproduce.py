"""Run an experiment's variants and seeds and hold the scores against what it expects: ``experiment=shapes``.

``python -m fcnlab.reproduce experiment=shapes`` trains what is not finished (``fcnlab.train -m``), compares, and prints
per row: expected, got, within tolerance or not. The exit code is 0 if all rows are.

Examples::

    python -m fcnlab.reproduce experiment=shapes
    python -m fcnlab.reproduce experiment=shapes variants=[fcn32s,fcn8s] seeds=[0]
    python -m fcnlab.reproduce experiment=camvid_half data.root=DIR figure=curves.png

Read on: conf/experiment/README.md (results and how they were made).
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command

if TYPE_CHECKING:
    from fcnlab.run.record import Run

# The rest goes to fcnlab.train.
OWN = ("variants", "seeds", "output", "readme", "gallery", "figure", "images", "samples")


def reproduce(cfg: DictConfig) -> dict[str, Any]:
    """Train, compare and check ``cfg.experiment``; returns the comparison. Raises UserError where a row misses."""
    from fcnlab.cli.compose import plain
    from fcnlab.cli.terminal import say
    from fcnlab.compare import compare_runs
    from fcnlab.comparison.summary import checks
    from fcnlab.comparison.table import expectation_grid, show
    from fcnlab.error import UserError

    config = plain(cfg)
    runs = train_all(config)

    def check(comparison: dict[str, Any]) -> None:
        """Print expected and got; a README gets no table with a row that misses, or of fewer runs than were asked."""
        show(expectation_grid(comparison))
        if older := sum(run.is_of_other_code() for run in runs):
            say(f"{older} of {len(runs)} runs were trained by other code than today's; rerun=changed trains them anew.")
        missed = [row["variant"] for row in comparison["rows"] if not all(one["within"] for one in checks(row))]
        lost = [run.name for run in runs if run.folder.name in comparison["left_out"]]
        if missed or lost:
            out = [f"{', '.join(missed)} out of tolerance"] if missed else []
            out += [f"{', '.join(lost)} left out of the comparison, see above"] if lost else []
            raise UserError(
                f"experiment={config['experiment']} is not reproduced: {'; '.join(out)}. The page in "
                f"{config['output']} shows the runs; expectations stand in the experiment's by_variant."
            )

    return compare_runs([run.folder for run in runs], config, rows=config["by_variant"], check=check)


def train_all(config: dict[str, Any]) -> "list[Run]":
    """Train an experiment's variants and seeds as one sweep; returns the runs. Finished ones are skipped."""
    import shlex

    from hydra.core.hydra_config import HydraConfig

    from fcnlab.cli.compose import compose
    from fcnlab.cli.terminal import say
    from fcnlab.error import UserError, nearest
    from fcnlab.run.record import Run
    from fcnlab.run.staged_start import config_folders, resolve
    from fcnlab.sweep.process import run_module

    rows = config.get("by_variant") or {}
    expecting = [variant for variant, row in rows.items() if row.get("expected")]
    variants, seeds = config["variants"] or expecting, config["seeds"]
    if not variants or not seeds:
        raise UserError(
            f"experiment={config['experiment']} lists no seeds or expects no score. Name one that does: "
            "experiment=shapes. Its seeds and its by_variant say what to expect."
        )
    for variant in variants:
        if variant not in expecting:
            raise UserError(f"Of variants={variant} no score is expected. {nearest(variant, expecting)}")
    overrides = HydraConfig.get().overrides
    words = [word for word in overrides.task if word.split("=")[0].strip("+~") not in OWN]
    for key, instead in (("model", "variants"), ("seed", "seeds")):
        if any(word.startswith(f"{key}=") for word in words):
            raise UserError(f"{key}=... is set by the experiment. Choose with {instead}=[...].")
    choice = [f"model={','.join(variants)}", f"seed={','.join(map(str, seeds))}"]
    own = ("hydra.mode", "hydra.sweep.")  # of this command
    launcher = [word for word in overrides.hydra if not word.startswith(own)]
    sweep = [*config_folders(), *launcher, *words, *choice]
    say(f"python -m fcnlab.train -m {shlex.join(sweep)}")
    if run_module("fcnlab.train", ["-m", *sweep]):
        raise UserError("Not all runs could be trained, see above. Give the same command again: it goes on.")
    jobs = [[*words, f"model={variant}", f"seed={seed}"] for variant in variants for seed in seeds]
    return [Run(resolve(compose("train", job))) for job in jobs]


main = command(reproduce)

if __name__ == "__main__":
    main()
