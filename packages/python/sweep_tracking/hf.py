"""A callback for the Trainer of Hugging Face's transformers.

trainer = Trainer(..., callbacks=[sweep.hf.Callback()])
trainer.train(resume_from_checkpoint=sweep.hf.last_checkpoint())
"""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

from transformers import TrainerCallback

import sweep

from . import active_run, record


def last_checkpoint() -> Optional[str]:
    """The folder for `resume_from_checkpoint`, or None to begin from the beginning."""
    found = sweep.restore()
    return None if found is None else str(found.path)


def metric_names(logs: Dict[str, Any]) -> Dict[str, Any]:
    """`eval_loss` as `eval/loss`, `test_…` alike, and all else under `train/`. `epoch` stays: it is no measurement."""
    named: Dict[str, Any] = {}
    for key, value in logs.items():
        head, _, rest = key.partition("_")
        if key == "epoch":
            named[key] = value
        elif head in ("eval", "test", "train") and rest:
            named[f"{head}/{rest}"] = value
        else:
            named[f"train/{key}"] = value
    return named


class Callback(TrainerCallback):
    """Reports what the Trainer logs, with `global_step`; stops it when the sweep says so; keeps its checkpoints, those
    of others on the way too, where the trial goes on from.

    @param rename False: metrics keep the Trainer's names (`eval_loss`, `loss`) instead of `eval/loss`, `train/loss`
    @param checkpoints False: the Trainer's checkpoints are left where they are
    """

    def __init__(self, *, rename: bool = True, checkpoints: bool = True) -> None:
        self._rename = rename
        self._checkpoints = checkpoints

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> Any:
        run = active_run()
        if run is not None and state.is_world_process_zero:
            run.log_params({"trainer": args.to_sanitized_dict()})
            config = getattr(model, "config", None)
            if config is not None and callable(getattr(config, "to_dict", None)):
                run.log_params({"model": config.to_dict()})
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Optional[Dict[str, Any]] = None, **_: Any) -> Any:
        if logs and state.is_world_process_zero:
            numbers = {key: value for key, value in logs.items() if isinstance(value, (int, float))}
            self._obey(control, record(state.global_step, metric_names(numbers) if self._rename else numbers))
        return control

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        self._obey(control, sweep.stopping())
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        source = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
        if self._checkpoints and state.is_world_process_zero and os.path.isdir(source):
            with sweep.checkpoint(state.global_step) as folder:
                _link(source, str(folder))
        return control

    @staticmethod
    def _obey(control: Any, decision: sweep.Decision) -> None:
        if decision.stop:
            control.should_training_stop = True
        if decision.save:
            control.should_save = True


def _link(source: str, target: str) -> None:
    """A folder's files in another one too, without a copy where the disk is the same: the Trainer replaces its files
    and never changes them.
    """
    import shutil

    def link(file: str, to: str) -> None:
        try:
            os.link(file, to)
        except OSError:
            shutil.copy2(file, to)

    shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)
