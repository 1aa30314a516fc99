"""The wrapper around every command: Hydra composes, errors become messages, exit codes tell how it went."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fcnlab.cli import rank
from fcnlab.cli.arguments import arrange, but_for_showing, by_checkpoint, is_multirun, refuse_one_output
from fcnlab.cli.compose import CONF, checked, no_config
from fcnlab.cli.explain import explain, is_explained
from fcnlab.cli.help import offer_help
from fcnlab.cli.replacing import replace_objects
from fcnlab.cli.terminal import flush_output, forget_output, is_first_process, open_streams
from fcnlab.error import UserError

Task = Callable[[DictConfig], Any]


def command(
    task: Task, *, jobs: Callable[..., Any] | None = None, choices: Callable[[list[str]], list[str]] | None = None
) -> Callable[[], Any]:
    """Make ``python -m fcnlab.<name>`` out of a function of that name, which is called with a checked config.

    Args:
        jobs: :class:`fcnlab.sweep.jobs.Sweep` runs the jobs of ``--multirun``; None: the command has one job.
        choices: overrides that follow from the given ones, before which they stand: what is given wins.
    """
    name = task.__name__

    def main() -> Any:
        open_streams()
        words, values, errors = sys.argv[1:], list[Any](), list[Exception]()
        traced = "trace=true" in words or "trace=True" in words
        problem, sweep, ended = "", None, list[Any]()
        overrides = [word for word in words if not word.startswith("-")]

        @functools.wraps(task)
        def run_checked(cfg: DictConfig) -> Any:
            """The task with a config of which every key and value is known."""
            return task(checked(name, cfg, list(HydraConfig.get().overrides.task)))

        def job(cfg: DictConfig) -> Any:
            """The one job or one of many; what it raises is kept until Hydra is done."""
            setting = HydraConfig.get()
            os.chdir(setting.runtime.cwd)  # what a relative path means, whatever hydra.job.chdir says
            rank.expect(cfg.get("trainer") or {})
            if sweep and setting.mode == RunMode.MULTIRUN:
                if "overrides" in cfg:
                    cfg.overrides = list(setting.overrides.task)
                return sweep.run(run_checked, cfg, lambda error: explain(error, name, list(setting.overrides.task)))
            sys.argv[1:] = words
            try:
                values.append(run_checked(cfg))
            except Exception as error:
                errors.append(error)
            return None

        def look(cfg: DictConfig) -> None:
            """Check the config that was shown; what is wrong with it is kept until Hydra is done."""
            try:
                checked(name, cfg, part)
            except Exception as error:
                errors.append(error)

        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come up to here instead of being printed by Hydra
        job.__module__ = look.__module__ = task.__module__  # by which Hydra names the command in its help
        try:
            refuse_lost_folder()
            rank.refuse_no_number()
            flags, overrides = arrange(words)
            overrides = replace_objects(name, overrides, flags)
            if jobs:
                sweep = jobs(flags, overrides)
            elif is_multirun(flags):
                raise UserError(f"fcnlab.{name} is one job: it takes no -m. Call it once for each of them.")
            if wants_help := bool({"-h", "--help"} & {*flags}):
                flags.append(offer_help(name, sys.modules[task.__module__].__doc__ or ""))
            if choices and is_multirun(flags):
                refuse_one_output(overrides)
            parts = by_checkpoint(overrides) if choices and is_multirun(flags) else [overrides]
            for part in parts:
                own = sweep.begin() if sweep else []
                try:
                    sys.argv[1:] = [*flags, *own, *(choices(part) if choices else []), *part]
                    compose = hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)
                    compose(job)()
                    if (looks := but_for_showing(flags)) is not None:
                        sys.argv[1:] = [*looks, *part]
                        compose(look)()
                except Exception as error:  # what a job raises has been kept
                    if traced or sweep is None or len(parts) == 1:
                        raise error if is_explained(error) else no_config(error) from error
                    sweep.fail(part, explain(error, name, part))
            if errors:
                raise errors[0]
            if sweep and is_multirun(flags) and sweep.is_empty and is_first_process() and not wants_help:
                raise UserError("This sweep has no job: a list or a range in it is empty.")
        except KeyboardInterrupt:  # a training ends by itself, where it can go on from
            print("\ninterrupted", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:  # | head has seen enough
            forget_output()
        except Exception as error:
            begun = sweep is not None and sweep.begun
            if traced or not (is_explained(error) or begun):
                raise
            problem = f"\nerror: {explain(error, name, overrides)}"
        finally:
            sys.argv[1:] = words
            ended = sweep.end() if sweep else []
            flush_output()
        if problem or any(job.outcome in ("failed", "interrupted") for job in ended):
            sys.exit(problem or 1)
        return ended or (values[0] if values else None)

    main.__doc__ = task.__doc__
    return main


def refuse_lost_folder() -> None:
    """Raise UserError where the current folder is no more: relative paths would mean nothing."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UserError("The current folder was deleted. Go to one that is there: cd ~.") from error
