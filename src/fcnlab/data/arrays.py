"""What an image and a mask are as arrays, and the label that never counts; nothing here needs torch."""

from typing import Any

import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]  # (H, W, c), RGB where c is 3
Mask = np.ndarray[Any, np.dtype[np.uint8]]  # (H, W) class index, 255 is void
VOID = 255  # the label of pixels that never count
