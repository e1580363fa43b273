"""A run: where a program logs to, and what becomes of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

import sweep

from . import values as _values
from .guarded import guarded, say
from .heartbeat import Heartbeat
from .program import how_it_ended, patience, trial_run
from .sender import Channel, Sender
from .server import Refused, Server, Unreachable, find_server
from .spool import Spool, left_behind, new_id

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Type

_ENDS = ("completed", "failed", "killed")
_TRY_AGAIN_S = 0.5


class Run:
    """Made by `start_run`. Its methods take any thread, return at once, and never raise (but under SWEEP_STRICT=1)."""

    def __init__(self, run_id: str, *, is_trial: bool, is_muted: bool, server: Optional[Server]) -> None:
        #: Ten characters; of a trial's run `<sweep>-<trial>`.
        self.id = run_id
        #: Whether it is the run of the trial that this program is.
        self.is_trial = is_trial
        #: Where its files go, `http://…`; None when there is no server.
        self.url = server.url if server else None
        self.is_over = False
        self.params: Dict[str, Any] = {}
        self._is_muted = is_muted  # a rank that is not the first
        self._server = server
        self._pid = self._owner = os.getpid()
        self._creation: Optional[Dict[str, Any]] = None
        self._spools: Dict[str, Spool] = {}
        self._channels: Dict[str, Channel] = {}
        self._broken = False
        import threading

        self._capturing: Optional[threading.Thread] = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: "Optional[Type[BaseException]]", error: Optional[BaseException], _: "Optional[TracebackType]"
    ) -> None:
        status, message = how_it_ended(error)
        self.end(status, message=message)

    # Logging.

    @guarded()
    def log_param(self, name: str, value: Any, *, overwrite: bool = False) -> None:
        """One param; nested values are taken apart, as by `log_params`."""
        self.log_params({name: value}, overwrite=overwrite)

    @guarded()
    def log_params(self, params: Any, *, overwrite: bool = False) -> None:
        """Params, nested or flat: {"optimizer": {"lr": 0.1}} becomes `optimizer.lr`.

        @param params a dict, an argparse.Namespace, a dataclass, or a config object with `to_dict`
        @param overwrite whether a param that is known with another value gets the new one, instead of a warning
        """
        flat, wrong = _values.flatten(params)
        self.params.update(flat)
        if flat:
            self._log("params", {"params": flat, "overwrite": overwrite})
        for text in wrong:
            sweep._warn(f"param {text[:60]}", f"a param was left out: {text}.")

    @guarded(sweep.Decision)
    def log_metric(
        self, name: str, value: Any, step: Optional[int] = None, *, context: Optional[str] = None
    ) -> sweep.Decision:
        """One value of one metric. In a trial the decision says whether to stop, as that of `sweep.report`."""
        return self.log_metrics({name: value}, step, context=context)

    @guarded(sweep.Decision)
    def log_metrics(
        self, metrics: Mapping[str, Any], step: Optional[int] = None, *, context: Optional[str] = None
    ) -> sweep.Decision:
        """Metrics of one step; nested dicts become names such as `val/loss`.

        @param step what the program counts, a whole number; one more than the last when absent
        @param context train, eval or test: `loss` in `eval` is `eval/loss`
        """
        place = _values.context_name(context)
        if self.is_trial:
            fields: Any = metrics
            if place is not None:
                fields = {_values.key_in_context(place, str(key)): value for key, value in metrics.items()}
            return sweep.report(step, fields)
        self._log_point(step, metrics, place)
        return sweep.stopping()  # of the trial, when this is a run below its own

    def _log_point(self, step: Optional[int], metrics: Mapping[str, Any], context: Optional[str]) -> None:
        if self.is_over:
            self._say_over()
            return
        texts: List[str] = []
        sweep._fields(metrics, "", texts)
        self._log_fields(step, texts, context)

    def _log_fields(self, step: Optional[int], texts: List[str], context: Optional[str]) -> None:
        """@param texts `"name": value` in JSON, as sweep.py makes them"""
        if self._is_muted or not texts:
            return
        kept = []
        for text in texts:
            name = text.rpartition(": ")[0]
            if len(name) > 80 or "." in name or "\\u" in name or "__" in name:  # worth a second look
                import json

                wrong = _values.wrong_metric(json.loads(name))
                if wrong:
                    sweep._warn(f"metric {name[:60]}", f"a metric was left out: {wrong}.")
                    continue
            kept.append(text)
        whole = sweep._whole(step)
        if whole is not None and not -(2**53) < whole < 2**53:
            sweep._warn("step", f"step {whole} is beyond 2^53; the values go without.")
            whole = None
        if not kept:
            return
        line = f'{{"op": "point", "point": {{"at": {time.time() * 1000:.3f}'
        if whole is not None:
            line += f', "step": {whole}'
        if context is not None:
            line += f', "context": "{context}"'
        self._append("", f'{line}, "values": {{{", ".join(kept)}}}}}}}')

    @guarded()
    def set_tag(self, name: str, value: Any = "") -> None:
        """A tag; None takes it away."""
        self.set_tags({name: value})

    @guarded()
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        body: Dict[str, Any] = {"set": {}, "remove": []}
        for key, value in tags.items():
            name = _values.text_of(key)
            wrong = _values.wrong_name(name)
            if wrong:
                sweep._warn(f"tag {name[:40]}", f"a tag was left out: {wrong}.")
            elif value is None:
                body["remove"].append(name)
            else:
                body["set"][name] = _values.tag_text(value)
        self._log("tags", body)

    @guarded()
    def set_notes(self, notes: str) -> None:
        self._log("change", {"notes": _values.text_of(notes)[:100_000]})

    @guarded()
    def log_artifact(
        self,
        path: Any,
        name: Optional[str] = None,
        *,
        type: str = "file",  # the word of the wire
        metadata: Optional[Mapping[str, Any]] = None,
        aliases: Any = (),
    ) -> None:
        """A file, or every file of a folder. It is copied before this returns, at the speed of the disk, and uploaded
        from the copy; other bytes than before under a name are a new version.

        @param name its path among the run's artifacts; that of the file's own name when absent
        @param type such as model, dataset, plot
        @param aliases names for this version, such as best
        """
        from .artifacts import log_path

        log_path(self, os.fspath(path), name, type, metadata, aliases)

    @guarded()
    def log_model(self, model: Any, name: str = "model", **options: Any) -> None:
        """A model, saved without pickle: by its own `save_pretrained`, its `state_dict` as safetensors, a Keras model
        as `.keras`, or by `saver`. See `sweep_tracking.models.save_model` for the options.
        """
        from .models import log_model

        if not self._is_muted:
            log_model(self, model, name, **options)

    @guarded()
    def log_figure(self, figure: Any, name: str = "figure.png", **options: Any) -> None:
        """A figure of matplotlib, plotly or Pillow, or the bytes of an image, in the format that `name` ends in."""
        from .figures import log_figure

        if not self._is_muted:
            log_figure(self, figure, name, **options)

    # The end.

    @guarded(False)
    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until the server has everything; False when it doesn't answer for `timeout` seconds (5 when absent)."""
        wait = patience() if timeout is None else timeout
        return all([channel.flush(wait) for channel in list(self._channels.values())]) and self.url is not None

    @guarded()
    def end(self, status: str = "completed", *, message: Optional[str] = None, timeout: Optional[float] = None) -> None:
        """Ends the run and waits until the server has everything, as long as it answers. The run of a trial ends with
        the trial.

        @param status completed, failed or killed
        @param timeout seconds to wait for a server that does not answer; what is left then is sent by the next run
        """
        if self.is_over or os.getpid() != self._owner:
            return
        if self._capturing is not None:
            self._capturing.join(patience())
        self.is_over = True
        if status not in _ENDS:
            sweep._warn("status", f"a run can't end as {status!r}: there are completed, failed and killed.")
            status = "failed"
        if not self.is_trial:
            body: Dict[str, Any] = {"status": status, "endedAt": _now()}
            if message:
                body["message"] = _values.text_of(message)[:10_000]
            self._adopt()
            self._log("end", body, even_if_over=True)
        sent = self.flush(timeout)
        failure = next((channel.failure for channel in self._channels.values() if channel.failure), "")
        folder = next((spool.folder for spool in self._spools.values() if not spool.is_sent), "")
        for channel in self._channels.values():
            channel.stop()
        for name, spool in self._spools.items():
            if name not in self._channels:
                spool.close(remove=False)
        if folder and self.url is None:
            sweep._warn("local", f"run {self.id} is kept in {folder}: send it by python3 -m sweep_tracking sync")
        elif folder and not sent:
            why = f" ({failure})" if failure else ""
            sweep._warn("unsent", f"not all of run {self.id} is sent{why}; the next run here sends what is in {folder}")

    def _adopt(self) -> None:
        """Sends what processes that this one has forked have left behind."""
        if self._server is None or self._is_muted:
            return
        for spool in left_behind(run=self.id, url=self.url):
            send_all(spool, self._server)

    # Underneath.

    def _log(self, operation: str, body: Dict[str, Any], *, even_if_over: bool = False, place: str = "") -> None:
        import json

        if self._is_muted:
            return
        if self.is_over and not even_if_over:
            self._say_over()
            return
        self._append(place, json.dumps({"op": operation, "body": body}, allow_nan=False))

    def _say_over(self) -> None:
        sweep._warn(f"over {self.id}", f"run {self.id} is over; what is logged to it now is left out.")

    def _append(self, place: str, line: str) -> None:
        spool = self._spool(place)
        if spool is not None and not spool.append_line(line):
            sweep._warn("full", f"the disk is full, and what run {self.id} logs is dropped until it is not.")

    def _spool(self, place: str) -> Optional[Spool]:
        """This process's own: "" for what the server must get in order, "files" for uploads, which take long."""
        if self._pid != os.getpid():
            self._after_fork()
        spool = self._spools.get(place)
        if spool is not None or self._broken:
            return spool
        with self._lock:
            if place in self._spools:
                return self._spools[place]
            creation = self._creation if place == "" else None
            try:
                spool = Spool.create(self.id, self.url, creation)
            except OSError as error:
                self._broken = True
                folder = error.filename or "the folder for it"
                sweep._warn("spool", f"nothing of run {self.id} is kept: can't write {folder}: {error.strerror}")
                return None
            if creation is not None:
                spool.append({"op": "create", "body": creation})
            if self._server is not None:
                # The run of a trial lives as long as its trial, which the agent knows.
                beats = place == "" and not self.is_trial
                heartbeat = Heartbeat(self.id, self._server) if beats else None
                self._channels[place] = Channel(spool, self._server, say, heartbeat)
            self._spools[place] = spool
            return spool

    def _after_fork(self) -> None:
        """In a child, which has neither the parent's threads nor the right to write to its files."""
        import threading

        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._spools, self._channels, self._creation = {}, {}, None


def send_all(spool: Spool, server: Server, patience_s: float = 0.0) -> bool:
    """Sends what is left in a spool, in this thread; whether the server has it all now.

    @param patience_s gives up once it has failed for so long and nothing was taken; 0: after a few tries
    """
    sender = Sender(spool, server, say)
    tries = 0
    failing_since = 0.0
    while True:
        try:
            if not sender.send_next():
                break
            tries, failing_since = 0, 0.0
            continue
        except Refused:
            tries += 3
        except (Unreachable, OSError):
            tries += 1
        except Exception as error:  # Hopeless
            say(f"left {spool.run}", f"run {spool.run}: {error}")
            break
        failing_since = failing_since or time.monotonic()
        if tries >= 3:
            if time.monotonic() - failing_since >= patience_s:
                break
            time.sleep(_TRY_AGAIN_S)
    done = spool.is_sent
    spool.close(remove=done)
    return done


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_run(
    own: Optional[str],
    run_id: Optional[str],
    creation: Dict[str, Any],
    url: Optional[str],
    token: Optional[str],
    offline: bool,
) -> Run:
    """The run `own` of the trial that this is, or one that begins with `creation`, or `run_id` again."""
    muted = sweep.info.rank != 0
    server = None
    try:
        # In a trial only what the agent says: its token is for that server.
        if not offline and (trial_run() is None or os.environ.get("SWEEP_URL")):
            server = find_server(url, token)
    except ValueError as error:
        sweep._warn("url", str(error))
    if own is not None:
        return Run(own, is_trial=True, is_muted=muted, server=server)
    run = Run(run_id or new_id(), is_trial=False, is_muted=muted, server=server)
    if run_id is None:
        run._creation = {"id": run.id, "startedAt": _now(), **creation}
    if not muted:
        run._spool("")
    if run_id is not None:
        changes: Dict[str, Any] = {key: creation[key] for key in ("name", "group", "notes") if key in creation}
        run._log("change", {"status": "running", **changes})
    return run
