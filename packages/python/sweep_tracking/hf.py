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
            decision = record(state.global_step, metric_names(numbers) if self._rename else numbers)
            if args.world_size == 1:
                self._obey(control, decision.stop, decision.save)
        return control

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        decision = sweep.stopping()
        self._obey(control, *_of_rank_0(args, decision.stop, decision.save))
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        source = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
        if self._checkpoints and state.is_world_process_zero and os.path.isdir(source):
            with sweep.checkpoint(state.global_step) as folder:
                _link(source, str(folder))
        return control

    @staticmethod
    def _obey(control: Any, stop: bool, save: bool) -> None:
        if stop:
            control.should_training_stop = True
        if save:
            control.should_save = True


def _of_rank_0(args: Any, stop: bool, save: bool) -> "tuple[bool, bool]":
    """One rank's decision for all: ranks that stop at different steps wait for each other forever."""
    if args.world_size == 1:
        return stop, save
    import torch

    if not torch.distributed.is_initialized():
        return stop, save
    both = torch.tensor([int(stop), int(save)], device=args.device)
    torch.distributed.broadcast(both, 0)
    return bool(both[0]), bool(both[1])


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
