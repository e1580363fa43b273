"""A callback for PyTorch Lightning.

trainer = Trainer(..., callbacks=[sweep.lightning.Callback()])
trainer.fit(model, ckpt_path=sweep.lightning.last_checkpoint())
"""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Set

try:
    from lightning.pytorch.callbacks import Callback as _Callback
except ImportError:  # by its older name
    from pytorch_lightning.callbacks import Callback as _Callback  # type: ignore[assignment]

import sweep

from . import active_run, record

_FILE = "lightning.ckpt"


def last_checkpoint() -> Optional[str]:
    """The file for `ckpt_path`, or None to begin from the beginning."""
    found = sweep.restore()
    path = None if found is None else os.path.join(str(found.path), _FILE)
    return path if path is not None and os.path.exists(path) else None


class Callback(_Callback):
    """Reports what the model logs at the end of each epoch, under the names it is logged by; stops the training when
    the sweep says so; saves a checkpoint when the sweep asks for one.

    @param step "epoch": epochs that are done, from 1; "global_step": the optimizer's steps
    @param every_n_epochs a checkpoint this often as well; 0: only when the sweep asks
    """

    def __init__(self, *, step: str = "epoch", every_n_epochs: int = 0) -> None:
        super().__init__()
        if step not in ("epoch", "global_step"):
            raise ValueError(f'step={step!r}: there are "epoch" and "global_step"')
        self._step = step
        self._every = every_n_epochs
        self._before: Set[str] = set()
        self._validation: Set[str] = set()
        self._validated = False

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        run = active_run()
        if run is not None and trainer.is_global_zero:
            run.log_params(dict(pl_module.hparams))

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        self._before = set(trainer.callback_metrics)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.sanity_checking:
            return
        self._validation |= set(trainer.callback_metrics) - self._before
        self._validated = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        metrics: Dict[str, Any] = dict(trainer.callback_metrics)
        if not self._validated:
            # Lightning keeps those of the last validation, which are no news.
            metrics = {name: value for name, value in metrics.items() if name not in self._validation}
        self._validated = False
        done = trainer.current_epoch + 1
        step = trainer.global_step if self._step == "global_step" else done
        decision = record(step, metrics) if trainer.is_global_zero else sweep.stopping()
        # One rank's decision for all: they would wait for each other forever.
        stop = trainer.strategy.broadcast(decision.stop, src=0)
        save = trainer.strategy.broadcast(decision.save, src=0)
        if save or (self._every > 0 and done % self._every == 0):
            with sweep.checkpoint(step) as folder:
                # On every rank; those that are not the first take part and keep nothing.
                trainer.save_checkpoint(trainer.strategy.broadcast(os.path.join(str(folder), _FILE), src=0))
        if stop:
            trainer.should_stop = True
