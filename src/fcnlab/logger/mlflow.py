"""MLflow: names of classes in any language, where Lightning's own logger would leave nothing of a Korean one."""

import posixpath
import re
import time
from collections.abc import Mapping
from typing import Any

from lightning.fabric.utilities.logger import _add_prefix
from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only

REFUSED = re.compile(r"[^\w/.\- :]")  # by MLflow in the name of a metric


class NamedMLFlowLogger(MLFlowLogger):
    """Lightning's MLflow logger with each metric under its name; of its signs those that MLflow refuses are ``_``.

    Lightning keeps letters of English alone: ``test/iou/나무`` would become ``test/iou/``, which MLflow refuses when
    the training is over.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Send a row."""
        from mlflow.entities import Metric

        now, named = int(time.time() * 1000), _add_prefix(metrics, self._prefix, self.LOGGER_JOIN_CHAR)
        row = [
            Metric(key=posixpath.normpath(REFUSED.sub("_", key)), value=float(value), timestamp=now, step=step or 0)
            for key, value in named.items()
            if not isinstance(value, str)
        ]
        self.experiment.log_batch(run_id=self.run_id, metrics=row, **self._log_batch_kwargs)
