"""A callback for Keras.

model.fit(..., callbacks=[sweep.keras.Callback()])
"""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

import sweep

from . import active_run, record

try:
    from keras.callbacks import Callback as _Callback
except ImportError:  # as part of TensorFlow alone
    from tensorflow.keras.callbacks import Callback as _Callback

_FILE = "model.keras"


def last_checkpoint() -> "Optional[tuple[str, int]]":
    """(the file for `keras.models.load_model`, epochs that were done: `initial_epoch` of `fit`), or None."""
    found = sweep.restore()
    path = None if found is None else os.path.join(str(found.path), _FILE)
    return (path, found.step) if found is not None and path is not None and os.path.exists(path) else None


class Callback(_Callback):  # type: ignore[misc]
    """Reports the logs of each epoch under Keras' names (`loss`, `val_loss`), with the number of epochs done; stops the
    training when the sweep says so; saves the model when the sweep asks for a checkpoint.

    @param every_n_epochs a checkpoint this often as well; 0: only when the sweep asks
    """

    def __init__(self, *, every_n_epochs: int = 0) -> None:
        super().__init__()
        self._every = every_n_epochs

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        run = active_run()
        if run is None:
            return
        optimizer: Any = getattr(self.model, "optimizer", None)
        if callable(getattr(optimizer, "get_config", None)):
            run.log_params({"optimizer": optimizer.get_config()})
        run.log_params({"fit": {key: value for key, value in self.params.items() if key in ("epochs", "steps")}})

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        done = epoch + 1
        decision = record(done, logs or {})
        if decision.save or (self._every > 0 and done % self._every == 0):
            with sweep.checkpoint(done) as folder:
                self.model.save(os.path.join(str(folder), _FILE))
        if decision.stop:
            self.model.stop_training = True
