"""``--help`` of a command: its promise, examples to paste, the choices, and its settings."""

from hydra.core.config_store import ConfigStore

TEMPLATE = """$header

Choices (group=option), files of conf/:

$APP_CONFIG_GROUPS

Settings (key=value), as they would be with what stands beside --help:

$CONFIG

Flags stand anywhere: -m sweeps over values with commas, --cfg job shows the config, --info searchpath the folders of
configs, --config-dir DIR adds one of your own, --hydra-help lists the rest.
"""


def offer_help(name: str, promise: str) -> str:
    """Make the docstring of a command the beginning of its ``--help``; the override that chooses it."""
    header = promise.replace("``", "").replace("::", ":").strip().replace("$", "$$")
    node = {
        "app_name": f"fcnlab.{name}",
        "header": header,
        "footer": "",
        "template": TEMPLATE.replace("$header", header),
    }
    ConfigStore.instance().store(group="hydra/help", name="fcnlab", node=node)
    return "hydra/help=fcnlab"
