"""What became of every tensor of a file of weights."""

from dataclasses import dataclass, field

KINDS = ("copied", "coerced", "bilinear", "dropped", "initial")
WORDS = {"coerced": "reshaped"}
OF_A_LAYER = (".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked")
FEW = 8  # layers


@dataclass
class Report:
    """What became of every tensor.

    ``copied``, ``coerced`` and ``initial`` hold names of the net, ``bilinear`` and ``dropped`` names of the file.

    Attributes:
        expects: the input for which the weights were made.
        coerced: reshaped, folded, or cut out of a dense kernel.
        bilinear: the file's fixed upsampling kernels, which the net has without a parameter.
        dropped: the net has no layer for them; score layers of another number of classes are both dropped
            and initial.
        initial: not in the file; they stay as the net was built.
        channels: what was done where the net takes images of other channels than the file's.
    """

    expects: str = ""
    copied: list[str] = field(default_factory=list)
    coerced: list[str] = field(default_factory=list)
    bilinear: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    initial: list[str] = field(default_factory=list)
    channels: str = ""

    def __str__(self) -> str:
        told = (f"made for {self.expects} input", self.tell(*KINDS), self.channels)
        return "; ".join(part for part in told if part)

    def tell(self, *kinds: str) -> str:
        """The names of some kinds only."""
        known = ((kind, getattr(self, kind)) for kind in kinds)
        return "; ".join(f"{WORDS.get(kind, kind)} {len(n)}{': ' if n else ''}{shorten(n, kind)}" for kind, n in known)


def shorten(names: list[str], kind: str = "initial") -> str:
    """The layers of tensors, in a line; of many that were taken over, the first and the last."""
    for part in OF_A_LAYER:
        names = [name.removesuffix(part) for name in names]
    layers = list(dict.fromkeys(names))
    if kind in ("copied", "coerced") and len(layers) > FEW:
        layers = [*layers[:2], "...", layers[-1]]
    return ", ".join(layers)
