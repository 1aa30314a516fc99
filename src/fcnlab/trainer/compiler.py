"""``compile=true`` needs a compiler on this machine: looked for before the training, not found out within it."""

import os
import shutil
import sysconfig
from pathlib import Path

from fcnlab.error import UserError
from fcnlab.trainer.precision import on_gpu


def refuse_without_compiler(accelerator: str) -> None:
    """Raise UserError where torch.compile would find no compiler, or no headers of Python.

    Args:
        accelerator: as in conf/trainer; for a CPU torch writes C++, for a GPU Triton compiles C.
    """
    known: tuple[str, ...]
    if on_gpu(accelerator):
        language, variable, known = "C", "CC", ("gcc", "clang", "cc")
    else:
        language, variable, known = "C++", "CXX", ("g++", "clang++")
    asked = os.environ.get(variable, "").split()[:1]
    if not any(map(shutil.which, asked or known)):
        where = f" ({variable}={asked[0]} is none)" if asked else ""
        raise UserError(
            f"compile=true needs a {language} compiler, and there is none{where}. Install g++ (apt-get install g++), "
            "or set compile=false."
        )
    if not (header := Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise UserError(
            f"compile=true needs Python's headers, and {header} is missing. Install them (apt-get install "
            "python3-dev), or set compile=false."
        )
