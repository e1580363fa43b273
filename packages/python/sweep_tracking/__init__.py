"""Tracking of runs: params, metrics, files, environment and code, in a trial and by hand.

    import sweep

    sweep.init(project="vision", experiment="augment")
    with sweep.start_run(params=vars(args)) as run:
        for step in range(100):
            run.log_metrics({"loss": loss}, step, context="train")
        run.log_model(net)

Everything here is also at `sweep.`, and the functions without a run mean the one that was started last. In a trial
`start_run` gives the trial's own run. Nothing raises into training or holds it up, unless SWEEP_STRICT=1; what the
server has not taken stays on disk and is sent later. docs/tracking/python.md has it all.

The standard library alone, Python 3.8 and newer.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any, Dict, List, Mapping, Optional

import sweep

from . import values as _values
from .guarded import guarded, say
from .program import how_it_ended, patience, trial_run
from .random_state import restore_random_state
from .run import Run, make_run, send_all
from .seeds import Seeds, component_seed, seed_everything, seed_worker, set_deterministic

__all__ = [
    "Run", "Seeds", "active_run", "component_seed", "end_run", "flush", "init", "log_artifact", "log_figure",
    "log_metric", "log_metrics", "log_model", "log_param", "log_params", "restore_random_state", "seed_everything",
    "seed_worker", "set_deterministic", "set_notes", "set_tag", "set_tags", "start_run",
]  # fmt: skip

_usual: Dict[str, Any] = {}
_runs: List[Run] = []  # that are not over, the last started last
_error_before: Any = None  # of a prompt or a notebook, from before


@guarded()
def init(
    project: Optional[str] = None,
    experiment: Optional[str] = None,
    *,
    url: Optional[str] = None,
    token: Optional[str] = None,
    group: Optional[str] = None,
    tags: Optional[Mapping[str, Any]] = None,
    capture: Optional[bool] = None,
    offline: Optional[bool] = None,
) -> None:
    """What runs of this program begin with, unless `start_run` says otherwise. Without it, or for what it leaves out:
    SWEEP_PROJECT and SWEEP_EXPERIMENT, the server of SWEEP_URL and SWEEP_TOKEN or else the local one.

    @param capture False: nothing is noted of environment and code
    @param offline True: nothing is sent before `python3 -m sweep_tracking sync` is told to
    """
    given: Dict[str, Any] = dict(project=project, experiment=experiment, url=url, token=token, group=group, tags=tags)
    given.update(capture=capture, offline=offline)
    _usual.update({key: value for key, value in given.items() if value is not None})


def start_run(
    name: Optional[str] = None,
    *,
    project: Optional[str] = None,
    experiment: Optional[str] = None,
    group: Optional[str] = None,
    params: Any = None,
    tags: Optional[Mapping[str, Any]] = None,
    notes: Optional[str] = None,
    nested: bool = False,
    resume: Optional[str] = None,
    capture: Optional[bool] = None,
) -> Run:
    """Starts a run and makes it the one that `log_params` and the others mean; in a trial, the trial's own run. Ends
    with `end_run`, with the `with` block, or with the program.

    @param nested whether it becomes a child of the run that is active; in a trial, a run of its own below the trial's
    @param resume the id of a run to go on with
    @param capture False: nothing is noted of environment and code
    """
    try:
        run = _start(name, project, experiment, group, tags, notes, nested, resume)
    except sweep.SweepError:
        raise
    except Exception as error:
        sweep._warn("start", f"the run is not recorded: {type(error).__name__}: {error}")
        run = Run("", is_trial=False, is_muted=True, server=None)
    _runs.append(run)
    if trial_run() is None:
        sweep._active = run
    if params is not None:
        run.log_params(params)
    if run.is_trial:
        if name or notes:
            change = {"name": name and _values.text_of(name)[:500], "notes": notes and _values.text_of(notes)[:100_000]}
            run._log("change", {key: value for key, value in change.items() if value})
        if tags:
            run.set_tags(tags)
    wanted = capture if capture is not None else _usual.get("capture", True)
    if wanted and not run._is_muted and resume is None:
        run._capturing = _in_background(lambda: _capture(run))
    _in_background(lambda: _send_left_behind(run))
    return run


def _start(
    name: Optional[str],
    project: Optional[str],
    experiment: Optional[str],
    group: Optional[str],
    tags: Optional[Mapping[str, Any]],
    notes: Optional[str],
    nested: bool,
    resume: Optional[str],
) -> Run:
    global _error_before
    if not _runs:
        _error_before = getattr(sys, "last_value", None)
    parent = active_run()
    own = None if nested and parent is not None else trial_run()
    for run in _runs:
        if own is not None and run.id == own and not run.is_over:
            return run
    texts = {
        "project": (project or _usual.get("project") or os.environ.get("SWEEP_PROJECT"), 200),
        "experiment": (experiment or _usual.get("experiment") or os.environ.get("SWEEP_EXPERIMENT"), 200),
        "name": (name, 500),
        "group": (group or _usual.get("group"), 500),
        "notes": (notes, 100_000),
    }
    creation: Dict[str, Any] = {key: _values.text_of(text)[:most] for key, (text, most) in texts.items() if text}
    if nested and parent is not None:
        creation["parentRunId"] = parent.id
    labels = {**_usual.get("tags", {}), **(tags or {})}
    good = {_values.text_of(key): _values.tag_text(value) for key, value in labels.items() if value is not None}
    good = {key: value for key, value in good.items() if _values.wrong_name(key) is None}
    if good:
        creation["tags"] = good
    return make_run(own, resume, creation, _usual.get("url"), _usual.get("token"), bool(_usual.get("offline")))


def _in_background(work: Any) -> Optional[threading.Thread]:
    def quietly() -> None:
        try:
            work()
        except Exception as error:
            say("background", f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=quietly, name="sweep-background", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is about to end
        return None
    return thread


def _capture(run: Run) -> None:
    from .capture import environment, source

    if run.is_trial:
        # The agent notes host and code; what is installed here only we see.
        found = environment()
        kept = ("packages", "frameworks", "python", "pythonImplementation", "executable", "conda", "cuda")
        run._log("change", {"environment": {key: found[key] for key in kept if key in found}})
        return
    # Apart, since the code may be changed soon, and the environment takes longer.
    for key, look in (("source", source), ("environment", environment)):
        found = look()
        if not run.is_over:
            run._log("change", {key: found})


def _send_left_behind(run: Run) -> None:
    """What earlier programs could not send, to the server that they wanted; in a trial, that of earlier attempts, since
    its token is good for nothing else. Folders of killed programs in which nothing is left go in any case.
    """
    if run._is_muted or run._server is None:
        return
    from .spool import left_behind

    for spool in left_behind(url=run.url):
        if trial_run() in (None, spool.run):
            send_all(spool, run._server)
        else:
            spool.close(remove=spool.is_sent)


def active_run() -> Optional[Run]:
    """The run that was started last and is not over; None without one."""
    while _runs and _runs[-1].is_over:
        _runs.pop()
    return _runs[-1] if _runs else None


def _active() -> Run:
    """As MLflow does, logging without a run starts one."""
    return active_run() or start_run()


@guarded()
def end_run(status: str = "completed", *, message: Optional[str] = None, timeout: Optional[float] = None) -> None:
    """Ends the run that is active; see `Run.end`."""
    run = active_run()
    if run is not None:
        run.end(status, message=message, timeout=timeout)
        _after()


def _after() -> None:
    sweep._active = active_run() if trial_run() is None else None


@guarded(False)
def flush(timeout: Optional[float] = None) -> bool:
    """Waits until the server has everything that was logged so far; False when it does not answer."""
    return all([run.flush(timeout) for run in _runs])


@guarded()
def log_param(name: str, value: Any, *, overwrite: bool = False) -> None:
    _active().log_param(name, value, overwrite=overwrite)


@guarded()
def log_params(params: Any, *, overwrite: bool = False) -> None:
    _active().log_params(params, overwrite=overwrite)


@guarded(sweep.Decision)
def log_metric(name: str, value: Any, step: Optional[int] = None, *, context: Optional[str] = None) -> sweep.Decision:
    return _active().log_metric(name, value, step, context=context)


@guarded(sweep.Decision)
def log_metrics(
    metrics: Mapping[str, Any], step: Optional[int] = None, *, context: Optional[str] = None
) -> sweep.Decision:
    return _active().log_metrics(metrics, step, context=context)


@guarded()
def log_artifact(path: Any, name: Optional[str] = None, **options: Any) -> None:
    _active().log_artifact(path, name, **options)


@guarded()
def log_model(model: Any, name: str = "model", **options: Any) -> None:
    _active().log_model(model, name, **options)


@guarded()
def log_figure(figure: Any, name: str = "figure.png", **options: Any) -> None:
    _active().log_figure(figure, name, **options)


@guarded()
def set_tag(name: str, value: Any = "") -> None:
    _active().set_tag(name, value)


@guarded()
def set_tags(tags: Mapping[str, Any]) -> None:
    _active().set_tags(tags)


@guarded()
def set_notes(notes: str) -> None:
    _active().set_notes(notes)


def record(step: Optional[int], metrics: Mapping[str, Any]) -> sweep.Decision:
    """For callbacks: into the active run, or as `sweep.report` does where there is none."""
    run = active_run()
    return sweep.report(step, metrics) if run is None else run.log_metrics(metrics, step)


@guarded()
def _at_exit() -> None:
    error = getattr(sys, "last_value", None)
    status, message = how_it_ended(error if error is not _error_before else None)
    for run in reversed(_runs):
        run.end(status, message=message, timeout=patience())


atexit.register(_at_exit)
