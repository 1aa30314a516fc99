"""The folder of the configs: beside ``src/`` in a checkout, within the package in a wheel."""

from pathlib import Path

PACKAGED, CHECKOUT = (Path(__file__).resolve().parents[up] / "conf" for up in (1, 3))
CONF = PACKAGED if PACKAGED.is_dir() else CHECKOUT
