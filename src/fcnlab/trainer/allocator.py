"""Memory of a CPU: what is freed is kept for the next step, and oneDNN's cache is bounded.

glibc asks the system for every large block and gives it back when it is freed, so that every step faults activations
and gradients in anew, page by page. FCN-8s at 360x480, batch 4, on two cores: 3.6 to 4.2 s a step, with this 2.5 s; the
peak of memory is a fifth higher.
"""

import contextlib
import ctypes
import os

PRIMITIVES = 200  # that oneDNN keeps: those of one or two sizes of image; FCN-8s and ResNet-50 lose no time by it
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


def give_back() -> None:
    """Give what is free back to the system: between two jobs, whose tensors may differ in size."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Tell glibc's malloc, for this process; whether there was a glibc to tell."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library (musl, macOS, Windows) manages memory its own way
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


def bound_primitives(number: int = PRIMITIVES) -> None:
    """Let oneDNN keep the code and workspace of so many layer calls; to be called before the first convolution.

    Each size of image needs its own, and oneDNN keeps 1024: predicting 120 photos of 120 sizes with a quarter of
    VGG-16 took 1.55 GB with 1024, 1.17 GB with 200 and 0.98 GB with 0, in the same time. Where sizes repeat, 0 costs a
    seventh of a step.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(number))
