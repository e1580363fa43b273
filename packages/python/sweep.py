"""What a training program needs to take part in a sweep, and nothing else.

    import sweep

    p = sweep.params(lr=1e-3, batch_size=32)          # by hand: these, and --lr=... ; in a trial: the drawn values
    ck = sweep.restore()                              # None, or where an earlier attempt left off
    for step in range(ck.step + 1 if ck else 0, 100):
        loss = train_one(p)
        d = sweep.report(step, val_loss=loss)
        if d.save or step % 10 == 0:
            with sweep.checkpoint(step) as path:
                torch.save(state, path / "state.pt")
        if d.stop:
            break

The same program runs by hand: reports are then printed, and checkpoints go to ./checkpoints.

Nothing here raises or holds up training: what can't be done is left undone and said once on stderr, unless
SWEEP_STRICT=1, which makes it an error. Exceptions are what the program asks for itself: `configure(on_stop="raise")`,
`report(..., wait=5)`, and `--help`. Signals are left alone: a stop is seen by `report` and `stopping`, and a program
that looks at neither gets SIGTERM, then SIGKILL when its grace is over, as it would without this file. In a pod of
Kubernetes SIGTERM is how a stop is told: there, unless the program handles it, it becomes the decision to stop.

In a program of several processes (torchrun, srun, mpirun) all may call everything; only rank 0 writes. Ranks read the
decision on their own, so where they must leave together, broadcast rank 0's.

One file, the standard library alone, Python 3.8 and newer. What takes long to import is imported where it is used.

Beside it, for those who want it, lies sweep_tracking: runs with params, files and more (`sweep.start_run()`), callbacks
(`sweep.hf`, `sweep.lightning`, `sweep.keras`) and seeds (`sweep.seed_everything()`). This file works without it.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # importing `typing` would take longer than the whole of this file
if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type

    from sweep_tracking import *  # noqa: F403  # see __getattr__
    from sweep_tracking import hf, keras, lightning  # noqa: F401

__all__ = [
    "Checkpoint", "Decision", "Params", "SweepError", "SweepStop",
    "checkpoint", "configure", "info", "params", "report", "restore", "stopping",
]  # fmt: skip

_LINE_LIMIT = 65_536  # bytes; longer lines would not be appended in one piece everywhere
_RANK_NAMES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID", "LOCAL_RANK")
_RECORD = "\x1esweep "  # before what is told on the standard output; no text that is meant for people begins so
_TRACKING = frozenset((
    "Run", "Seeds", "active_run", "component_seed", "end_run", "flush", "init", "log_artifact", "log_figure",
    "log_metric", "log_metrics", "log_model", "log_param", "log_params", "restore_random_state", "seed_everything",
    "seed_worker", "set_deterministic", "set_notes", "set_tag", "set_tags", "start_run", "hf", "keras", "lightning",
))  # fmt: skip
_MARKER = "complete"  # stands in a checkpoint's folder once everything else does


class SweepError(RuntimeError):
    """What would have been a warning, under SWEEP_STRICT=1."""


class SweepStop(SystemExit):
    """Raised by `report` after `configure(on_stop="raise")`; ends the program unless caught."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(code)
        self.reason = reason


class Decision:
    """What to do next. True when the program should stop."""

    __slots__ = ("stop", "reason", "detail", "save")

    def __init__(self, stop: bool = False, reason: str = "", detail: str = "", save: bool = False) -> None:
        self.stop = stop
        #: Why to stop, in one word: pruned, stopped, cancelled, paused, budget, timeout, preempted.
        self.reason = reason
        #: The same in a sentence.
        self.detail = detail
        #: A checkpoint is wanted; stays true until one has been saved.
        self.save = save

    def __bool__(self) -> bool:
        return self.stop

    def __repr__(self) -> str:
        return f"Decision(stop={self.stop}, reason={self.reason!r}, save={self.save})"


class Checkpoint:
    """A complete checkpoint: the folder and the step it was saved at."""

    __slots__ = ("path", "step")

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.step = step

    def __repr__(self) -> str:
        return f"Checkpoint(path={str(self.path)!r}, step={self.step})"


class Params(dict):  # type: ignore[type-arg]  # dict[str, Any] can't be subscripted at run time on 3.8
    """The config: a dict whose items are attributes too, nested ones as `p.optimizer.lr` or `p["optimizer.lr"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no parameter {name!r}; there are: {', '.join(map(str, self)) or 'none'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __missing__(self, name: str) -> Any:
        head, dot, rest = name.partition(".") if isinstance(name, str) else ("", "", "")
        if dot and isinstance(self.get(head), Params):
            return self[head][rest]
        raise KeyError(name)


def __getattr__(name: str) -> Any:
    """What lies in sweep_tracking, which takes a while to import and not everybody needs."""
    if name not in _TRACKING:
        raise AttributeError(f"module 'sweep' has no attribute {name!r}")
    import importlib

    try:
        tracking = importlib.import_module("sweep_tracking")
    except ModuleNotFoundError as error:
        if error.name != "sweep_tracking":
            raise
        raise AttributeError(f"sweep.{name} needs the folder sweep_tracking beside sweep.py") from None
    if name in ("hf", "keras", "lightning"):
        return importlib.import_module(f"sweep_tracking.{name}")
    return getattr(tracking, name)


# --- warnings ---------------------------------------------------------------------------------------------------------

_warned: set[str] = set()


def _warn(cause: str, text: str) -> None:
    """Says `text` on stderr, once per `cause`; raises it under SWEEP_STRICT=1."""
    if os.environ.get("SWEEP_STRICT", "") not in ("", "0"):
        raise SweepError(text)
    if cause in _warned or len(_warned) > 20:  # names made up by the program must not fill the log
        return
    _warned.add(cause)
    if len(_warned) > 20:
        text = "further warnings are not shown"
    try:
        sys.stderr.write(f"sweep: {text}\n")
    except Exception:  # closed, or None in a program without a console
        pass


# --- where we are -----------------------------------------------------------------------------------------------------


def _int_env(name: str) -> Optional[int]:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return None


class Info:
    """Which trial this is. By hand there is none: `trial` and `attempt` are None, `seed` is 0, `run_dir` is `.`"""

    __slots__ = ("_rank",)

    def __init__(self) -> None:
        self._rank: Optional[int] = None

    @property
    def trial(self) -> Optional[int]:
        return _int_env("SWEEP_TRIAL")

    @property
    def attempt(self) -> Optional[int]:
        return _int_env("SWEEP_ATTEMPT")

    @property
    def seed(self) -> int:
        """The same in every attempt of a trial."""
        return _int_env("SWEEP_SEED") or 0

    @property
    def rank(self) -> int:
        """Which of the trial's processes this is, of those that torchrun, srun or mpirun started."""
        if self._rank is None:
            self._rank = next((rank for rank in map(_int_env, _RANK_NAMES) if rank is not None), 0)
        return self._rank

    @property
    def run_dir(self) -> Path:
        from pathlib import Path

        return Path(os.environ.get("SWEEP_RUN_DIR") or ".")

    def __repr__(self) -> str:
        return f"Info(trial={self.trial}, attempt={self.attempt}, seed={self.seed}, rank={self.rank})"


info = Info()


class _Run:
    """The open files of this process and what was last read from them."""

    def __init__(self) -> None:
        run_dir = os.environ.get("SWEEP_RUN_DIR", "")
        usual = os.path.join(run_dir, "metrics.jsonl") if run_dir else ""
        self.metrics_path = os.environ.get("SWEEP_METRICS") or usual
        self.control_path = os.path.join(run_dir, "control.json") if run_dir else ""
        self.fd = -1
        self.torn = False
        self.stamp: Tuple[int, int, int] = (0, 0, 0)
        self.decision = Decision()
        self.raises = False
        self.cleaned = False
        # Where no agent sees this disk, reports go to the output of the program, which is a pod's log.
        self.caught: Any = None
        self.prints = os.environ.get("SWEEP_REPORT") == "stdout"
        if self.prints:
            self.metrics_path = self.control_path = ""
            self.catch()

    # Appending a line.

    def append(self, line: str) -> bool:
        """False when there is no file to append to, so that the line may go elsewhere."""
        if self.fd < 0:
            if not self.metrics_path:
                return False
            try:
                # Not blocking, so that a pipe that nobody reads can't hold up training.
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
                self.fd = os.open(self.metrics_path, flags, 0o666)
            except OSError as error:
                self.metrics_path = ""
                _warn("open", f"can't write {error.filename}: {error.strerror}. Metrics are printed instead.")
                return False
        data = line.encode()
        if len(data) > _LINE_LIMIT:
            _warn("long", f"a report of {len(data)} bytes was dropped; {_LINE_LIMIT} is the most.")
            return True
        if self.torn:
            data = b"\n" + data  # what there is of the last line ends here
        try:
            written = os.write(self.fd, data)  # one call: lines of threads and processes don't mix
        except OSError as error:
            _warn(f"write{error.errno}", f"a report was dropped: {error.strerror}. So will be others, until that ends.")
            return True
        self.torn = written < len(data)
        if self.torn:
            _warn("write28", "a report was cut off: No space left on device.")
        return True

    # Without files of ours.

    def tell(self, kind: str, text: str) -> None:
        """One record on the standard output, in one call, so that it doesn't mix with those of other threads."""
        data = f"{_RECORD}{kind} {text}\n".encode()
        if len(data) > _LINE_LIMIT:
            _warn("long", f"a report of {len(data)} bytes was dropped; {_LINE_LIMIT} is the most.")
            return
        try:
            sys.stdout.flush()  # what was printed before comes before
        except Exception:  # closed, or None
            pass
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError as error:
            _warn(f"write{error.errno}", f"a report was dropped: {error.strerror}.")

    def catch(self) -> None:
        """SIGTERM becomes a decision, where nothing else tells one. Left to a program that handles it."""
        import signal

        def stop(*_: object) -> None:
            self.decision = Decision(True, "stopped", "SIGTERM", True)

        try:
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, stop)
                self.caught = stop
        except ValueError:  # not in the main thread, where signals belong
            pass

    # Reading the decision.

    def decide(self) -> Decision:
        if not self.control_path:
            return self.decision
        try:
            stat = os.stat(self.control_path)
        except OSError:
            return self.decision
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if stamp != self.stamp:
            import json

            try:
                with open(self.control_path, "rb") as file:
                    control = json.load(file)
                stop, save, detail = control.get("stop"), control.get("save"), control.get("reason")
            except (OSError, ValueError, AttributeError) as error:
                _warn("control", f"can't read {self.control_path}: {error}")
                return self.decision
            reason = str(stop) if stop else ""
            wants_save = bool(save) or reason in ("paused", "preempted")
            self.decision = Decision(bool(stop), reason, str(detail or ""), wants_save)
            self.stamp = stamp
        return self.decision

    def wait(self, seconds: float) -> Decision:
        end = time.monotonic() + seconds
        while True:
            decision = self.decide()
            left = end - time.monotonic()
            if decision.stop or left <= 0 or not (self.control_path or self.prints):
                return decision
            time.sleep(min(0.005, left))


_run: Optional[_Run] = None


def _here() -> _Run:
    global _run
    if _run is None:
        _run = _Run()
    return _run


_active: Any = None  # the run of sweep_tracking that reports go to as well, outside of trials


# --- report -----------------------------------------------------------------------------------------------------------

_plain_names: Dict[str, str] = {}


def _quoted(name: str) -> str:
    """The name as a JSON key with its colon, remembered: programs report the same few names over and over."""
    import json

    text = json.dumps(name) + ": "
    if len(_plain_names) < 1000:
        _plain_names[name] = text
    return text


def _number(value: Any) -> str:
    """JSON text of a metric value. Raises when it isn't one number."""
    kind = type(value)
    if kind is float:
        if value - value == 0.0:
            return repr(value)
        return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'
    if kind is int:
        if -(2**53) <= value <= 2**53:
            return repr(value)
        try:
            return repr(float(value))
        except OverflowError:
            return '"Infinity"' if value > 0 else '"-Infinity"'
    if kind is bool:
        return "1" if value else "0"
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError("text")
    item = getattr(value, "item", None)  # tensors and numpy scalars
    plain = item() if callable(item) else float(value)
    return _number(plain if type(plain) in (float, int, bool) else float(plain))


def _fields(values: Mapping[str, Any], prefix: str, into: List[str]) -> None:
    for key, value in values.items():
        if type(value) is dict:
            _fields(value, f"{prefix}{key}/", into)
            continue
        name = f"{prefix}{key}" if prefix else key if type(key) is str else str(key)
        try:
            text = _number(value)
        except Exception:
            _warn(f"value {name}", f"{name} was left out of a report: {type(value).__name__} is not a number.")
            continue
        if not 0 < len(name) <= 256 or name == "step":
            _warn(f"name {name[:50]}", f"{name[:50]!r} can't be a metric's name; its value was left out.")
            continue
        into.append((_plain_names.get(name) or _quoted(name)) + text)


def _whole(step: Any) -> Optional[int]:
    if type(step) is int or step is None:
        return step
    try:
        item = getattr(step, "item", None)
        exact = float(item() if callable(item) else step)
        whole = int(exact)
    except Exception:
        _warn("step", f"step {step!r} is not a whole number; the report goes without.")
        return None
    if whole != exact:
        _warn("step", f"step {step!r} is not a whole number; {whole} was reported.")
    return whole


def _write(step: Optional[int], fields: List[str]) -> None:
    if step is not None:
        fields.insert(0, f'"step": {step}')
    text = "{" + ", ".join(fields) + "}"
    if _here().prints:
        _here().tell("report", text)
    elif not _here().append(f"{text}\n"):
        # Without a metrics file the run's output is where metrics are looked for; by hand, people look there.
        by_hand = not os.environ.get("SWEEP_RUN_DIR")
        words = []
        for field in fields:
            name, _, number = field.replace('"', "").rpartition(": ")
            words.append(f"{name}={float(number):.6g}" if by_hand and "." in number else f"{name}={number}")
        sys.stdout.write(" ".join(words) + "\n")
        sys.stdout.flush()


def report(
    step: Optional[int] = None, metrics: Optional[Mapping[str, Any]] = None, *, wait: float = 0.0, **values: Any
) -> Decision:
    """Reports metrics at a step and returns what to do next.

    Values are numbers, or tensors and arrays of one number; NaN and infinities are kept. Nested dicts become names such
    as `val/loss`. Without a step, the server counts on from the last one.

    @param step what the program counts: epochs, batches; a whole number that grows
    @param wait seconds to wait at most for a decision to stop; for programs whose steps are shorter than the few dozen
                milliseconds a decision takes
    """
    run = _here()
    try:
        if isinstance(step, dict):
            step, metrics = None, {**step, **(metrics or {})}
        if info.rank == 0:
            fields: List[str] = []
            if metrics:
                _fields(metrics, "", fields)
            if values:
                _fields(values, "", fields)
            if fields:
                whole = _whole(step)
                if _active is not None and not _active.is_over:
                    _active._log_fields(whole, list(fields), None)
                _write(whole, fields)
        decision = run.wait(wait) if wait else run.decide()
    except SweepError:
        raise
    except Exception as error:
        _warn("report", f"a report was dropped: {type(error).__name__}: {error}")
        return run.decision
    if run.raises and decision.stop:
        raise SweepStop(decision.reason)
    return decision


def stopping() -> Decision:
    """The decision as it stands, without a report: `if sweep.stopping(): break`."""
    try:
        return _here().decide()
    except SweepError:
        raise
    except Exception as error:
        _warn("stopping", f"can't tell whether to stop: {error}")
        return Decision()


def configure(*, on_stop: Optional[str] = None, rank: Optional[int] = None) -> None:
    """Settings for programs that need others than the usual ones.

    @param on_stop "return" (the usual): `report` returns the decision. "raise": it raises SweepStop, which ends the
                   program with exit code 0 by way of its `finally` blocks; SIGTERM does so too, with exit code 143
    @param rank which process this is, where the environment doesn't say (torch.multiprocessing.spawn)
    """
    if rank is not None:
        info._rank = rank
    if on_stop is None:
        return
    if on_stop not in ("return", "raise"):
        _warn("on_stop", f'configure(on_stop={on_stop!r}): there are "return" and "raise".')
        return
    _here().raises = on_stop == "raise"
    import signal

    def terminate(*_: object) -> None:
        raise SweepStop(stopping().reason or "terminated", 128 + signal.SIGTERM)

    try:
        if on_stop == "raise" and signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, _here().caught):
            signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not in the main thread, where signals belong
        pass


# --- checkpoints ------------------------------------------------------------------------------------------------------


def _checkpoint_folder() -> str:
    return os.environ.get("SWEEP_CHECKPOINTS") or os.path.join(os.environ.get("SWEEP_RUN_DIR", ""), "checkpoints")


def _checkpoints(folder: str) -> List[Tuple[int, str]]:
    """The complete checkpoints of a folder, oldest step first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [(int(name), os.path.join(folder, name)) for name in names if name.isdecimal()]
    return sorted((step, path) for step, path in found if os.path.isfile(os.path.join(path, _MARKER)))


def _given_checkpoint(given: str) -> Optional[Tuple[int, str]]:
    """The checkpoint that $SWEEP_RESTORE names: its folder, a link to it, or the folder of several."""
    path = os.path.realpath(given)
    if os.path.isfile(os.path.join(path, _MARKER)):
        try:
            with open(os.path.join(path, _MARKER)) as file:
                return int(file.read()), path
        except ValueError:
            return int(os.path.basename(path)), path
    several = _checkpoints(path)
    return several[-1] if several else None


def _fetched_checkpoint(run_dir: str) -> Optional[Tuple[int, str]]:
    """In a pod, where what the one before it has saved went with it: the copy on the server."""
    from sweep_tracking.checkpoints import fetch

    folder = fetch(os.path.join(run_dir, "restored"))
    return _given_checkpoint(folder) if folder else None


def restore() -> Optional[Checkpoint]:
    """Where to go on from, whatever the cause: a retry, a preemption, a pause. None: from the beginning.

    In a trial this is $SWEEP_RESTORE (or the link `restore` of the run folder), or else the newest complete checkpoint
    of the run folder. By hand only $SWEEP_RESTORE counts (a checkpoint, or a folder of them), so that yesterday's run
    doesn't leak into today's.
    """
    try:
        run_dir = os.environ.get("SWEEP_RUN_DIR", "")
        link = os.path.join(run_dir, "restore") if run_dir else ""
        given = os.environ.get("SWEEP_RESTORE") or (link if os.path.lexists(link) else "")
        found = None
        if given:
            try:
                found = _given_checkpoint(given)
            except (OSError, ValueError):
                pass
            if found is None and os.environ.get("SWEEP_CHECKPOINT_COPIES"):
                found = _fetched_checkpoint(run_dir)
            elif found is None:
                _warn("restore", f"{given} is not a complete checkpoint.")
        own = _checkpoints(_checkpoint_folder())
        if found is None and own and run_dir:
            found = own[-1]
        if found is None:
            if own and info.rank == 0:
                _warn("own", f"starting afresh; SWEEP_RESTORE={own[-1][1]} would continue from step {own[-1][0]}.")
            return None
        from pathlib import Path

        return Checkpoint(Path(found[1]), found[0])
    except SweepError:
        raise
    except Exception as error:
        _warn("restore", f"can't restore: {error}")
        return None


def _sync(path: str) -> None:
    """Makes what was written survive a crash of the machine, not only of the process."""
    for folder, _, names in os.walk(path):
        for name in [os.path.join(folder, name) for name in names] + [folder]:
            if os.path.islink(name):
                continue
            try:
                fd = os.open(name, os.O_RDONLY)
            except OSError:
                if os.name == "nt":  # folders can't be opened there
                    continue
                raise
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


class _Saving:
    """The context manager behind `checkpoint`."""

    def __init__(self, step: int, keep: int) -> None:
        self.step = step
        self.keep = keep
        self.folder = _checkpoint_folder()
        self.temp = os.path.join(self.folder, f".tmp-{step}-{os.getpid()}")
        self.discard = info.rank != 0

    def __enter__(self) -> Path:
        from pathlib import Path

        if not self.discard:
            try:
                self._clean()
                os.makedirs(self.temp)
            except OSError as error:
                _warn("checkpoint", f"can't save a checkpoint in {self.folder}: {error.strerror}")
                self.discard = True
        if self.discard:
            import tempfile

            try:
                self.temp = tempfile.mkdtemp(prefix="sweep-")
            except OSError:  # then the program's own write says what is wrong
                pass
        return Path(self.temp)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], _: Optional[TracebackType]
    ) -> bool:
        import errno
        import shutil

        full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
        failed = isinstance(error, OSError) and error.errno in full
        try:
            if info.rank != 0 and not error and os.path.isdir(self.temp) and os.listdir(self.temp):
                _warn("rank", f"what rank {info.rank} saved in a checkpoint was dropped: only rank 0's is kept.")
            if kind is None and not self.discard:
                self._commit()
        except Exception as failure:
            failed, error = True, failure
        finally:
            shutil.rmtree(self.temp, ignore_errors=True)
        if failed:
            # An hour of training is worth more than one of its checkpoints.
            _warn("checkpoint", f"the checkpoint of step {self.step} was not saved: {error}")
        return failed

    def _clean(self) -> None:
        """Drops what a killed attempt left half written. By hand the folder may be shared, so nothing is touched."""
        run = _here()
        if run.cleaned or not os.environ.get("SWEEP_RUN_DIR"):
            return
        run.cleaned = True
        import shutil

        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else []:
            if name.startswith(".tmp-"):
                shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)

    def _commit(self) -> None:
        import shutil

        _save_beside(self.temp)
        with open(os.path.join(self.temp, _MARKER), "w") as marker:
            marker.write(f"{self.step}\n")
        _sync(self.temp)
        final = os.path.join(self.folder, str(self.step))
        old = f"{self.temp}-old"
        if os.path.lexists(final):
            os.rename(final, old)
        os.rename(self.temp, final)
        fd = os.open(self.folder, os.O_RDONLY) if os.name != "nt" else -1
        if fd >= 0:
            os.fsync(fd)
            os.close(fd)
        if _here().prints:
            _saved_in_pod(self.step, os.path.abspath(final))
        decision = _here().decision
        if decision.save:
            _here().decision = Decision(decision.stop, decision.reason, decision.detail)
        # Later steps are another run's, by hand; they are not ours to remove.
        older = [path for step, path in _checkpoints(self.folder) if step < self.step]
        for path in older[: max(0, len(older) - self.keep + 1)] if self.keep > 0 else []:
            os.unlink(os.path.join(path, _MARKER))  # first: half a checkpoint must not look whole
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _tell_checkpoint(step: int, path: str) -> None:
    import json

    _here().tell("checkpoint", json.dumps({"step": step, "path": path}))


def _saved_in_pod(step: int, path: str) -> None:
    """A checkpoint of a pod is told of where others can have it: on a volume, or once a copy of it is on the server."""
    if os.environ.get("SWEEP_CHECKPOINT_COPIES"):
        try:
            from sweep_tracking.checkpoints import copy
        except ImportError as error:
            _warn("copies", f"checkpoints go with this pod: {error}")
            return
        copy(step, path, _tell_checkpoint)
    elif os.environ.get("SWEEP_CHECKPOINTS"):
        _tell_checkpoint(step, path)


def _save_beside(folder: str) -> None:
    """The random state and the config, where sweep_tracking is there to do it."""
    try:
        from sweep_tracking.random_state import save_with_checkpoint
    except ImportError:  # this file alone
        return
    save_with_checkpoint(folder, _resolved if _resolved is not None else _drawn(quietly=True))


def checkpoint(step: int, *, keep: int = 2) -> _Saving:
    """`with sweep.checkpoint(step) as path:` gives a folder to save into, which becomes checkpoints/<step>/ at the
    end of the block, whole or not at all. A block that raises leaves no checkpoint; a full disk is only a warning.

    @param keep how many checkpoints to keep, this one among them; 0 keeps all
    """
    whole = _whole(step)
    return _Saving(0 if whole is None else whole, keep)


# --- params -----------------------------------------------------------------------------------------------------------

_resolved: Optional[Params] = None  # what `params` has given last

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _from_text(text: str, default: Any) -> Any:
    """What a command line argument means beside the default it replaces."""
    kind = type(default)
    if kind is str:
        return text
    if kind is bool:
        return _WORDS.get(text.lower(), text)
    for parse in (int, float):
        try:
            return parse(text)
        except ValueError:
            pass
    if default is None or kind in (list, tuple, dict):
        import json

        try:
            return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
        except ValueError:
            pass
    return text


def _cast(value: Any, default: Any, name: str) -> Any:
    """`value` as the type of `default` where that loses nothing, and as it is otherwise."""
    kind = type(default)
    if isinstance(value, dict):
        defaults = default if isinstance(default, dict) else {}
        merged = Params(defaults)
        for key, inner in value.items():
            merged[key] = _cast(inner, defaults.get(key), f"{name}.{key}")
        return merged
    if default is None or value is None or type(value) is kind:
        return value
    if isinstance(value, str):
        value = _from_text(value, default)
    try:
        if kind is bool:
            if value in (0, 1):
                return bool(value)
        elif kind is int:
            if float(value) == int(value):
                return int(value)
            return value  # int as a default for 0.5: the sweep knows better
        elif kind is str:
            return value if isinstance(value, (str, list)) else str(value)
        else:
            return kind(value)
    except Exception:
        pass
    if type(value) is not kind:
        _warn(f"cast {name}", f"{name}={value!r} is not {kind.__name__} as its default {default!r} is.")
    return value


def _arguments(argv: List[str], defaults: Params) -> Iterator[Tuple[str, str]]:
    """(name, text) of `--name=value`, `--name value`, `--flag`, `--no-flag` and, for known names, `name=value`."""
    i = 0
    while i < len(argv):
        word = argv[i]
        i += 1
        if word == "--":
            return
        name, equals, text = word.lstrip("+-").partition("=")
        if not _known(name, defaults):
            name = name.replace("-", "_")
        if not word.startswith("--"):
            if equals and _known(name, defaults):
                yield name, text
            continue
        if not equals:
            if name.startswith("no_") and _known(name[3:], defaults) and not _known(name, defaults):
                yield name[3:], "false"
                continue
            flag = _known(name, defaults) and isinstance(defaults[name], bool)
            takes_next = i < len(argv) and (argv[i].lower() in _WORDS if flag else not argv[i].startswith("--"))
            text = argv[i] if takes_next else "true"
            i += takes_next
        yield name, text


def _known(name: str, defaults: Params) -> bool:
    try:
        defaults[name]
    except KeyError:
        return False
    return True


def _set(into: Params, name: str, text: str, defaults: Params) -> None:
    holder, key = into, name
    while key not in holder and "." in key:
        head, _, key = key.partition(".")
        holder = holder.setdefault(head, Params())
    default = defaults[name]
    holder[key] = _cast(_from_text(text, default), default, name)


def _drawn(quietly: bool = False) -> Optional[Dict[str, Any]]:
    """The trial's config; None by hand, and when it can't be read."""
    run_dir = os.environ.get("SWEEP_RUN_DIR", "")
    path = os.environ.get("SWEEP_PARAMS") or (os.path.join(run_dir, "params.json") if run_dir else "")
    if not path or (quietly and not os.path.exists(path)):
        return None
    import json

    try:
        with open(path, "rb") as file:
            drawn = json.load(file)
        if isinstance(drawn, dict):
            return drawn
        _warn("params", f"{path} is not a JSON object; going by the command line and the environment.")
    except (OSError, ValueError) as error:
        _warn("params", f"can't read {path}: {error}; going by the command line and the environment.")
    return None


def _help(defaults: Params) -> None:
    print(f"usage: {os.path.basename(sys.argv[0])} [--name=value ...]\n\nparameters and their defaults:")
    for name, value in defaults.items():
        print(f"  --{name}={value}")
    raise SystemExit(0)


def params(**defaults: Any) -> Params:
    """The config. In a trial, the drawn values; what the sweep doesn't vary comes from the command line, then from the
    defaults. By hand, the defaults and `--name=value` from the command line. Values take the type of their default.
    """
    global _resolved
    _resolved = result = _params(defaults)
    return result


def _params(defaults: Dict[str, Any]) -> Params:
    given = _cast(defaults, None, "")
    drawn = _drawn()
    by_hand = drawn is None and not os.environ.get("SWEEP_RUN_DIR")
    if by_hand and {"--help", "-h"} & set(sys.argv[1:]) and "argparse" not in sys.modules:
        _help(given)
    try:
        result: Params = _cast(defaults, None, "")
        unknown = []
        for name, text in _arguments(sys.argv[1:], given):
            if drawn is not None and name.partition(".")[0] in drawn:
                continue
            if _known(name, given):
                _set(result, name, text, given)
            else:
                unknown.append(f"--{name}")
        if unknown and by_hand and info.rank == 0 and "argparse" not in sys.modules:
            _warn("unknown", f"{', '.join(unknown)}: not among the parameters {', '.join(given)}.")
        if drawn is None and not by_hand:
            for name in given:  # the agent sets PARAM_<name> as well
                if f"PARAM_{name}" in os.environ:
                    _set(result, name, os.environ[f"PARAM_{name}"], given)
        for name, value in (drawn or {}).items():
            result[name] = _cast(value, result.get(name), name)
        return result
    except SweepError:
        raise
    except Exception as error:
        _warn("params", f"can't read the parameters: {type(error).__name__}: {error}")
        return given  # type: ignore[no-any-return]


# --- the end ----------------------------------------------------------------------------------------------------------


def _upload_left(pid: int) -> None:
    """Where no agent sees this disk, what lies there goes with the pod unless it is uploaded from here."""
    if os.getpid() != pid or info.rank != 0:
        return
    try:
        checkpoints = sys.modules.get("sweep_tracking.checkpoints")
        if checkpoints is not None:  # first what the next attempt waits for
            checkpoints.finish()
    except Exception as error:
        _warn("copies", f"the last checkpoint may not be on the server: {type(error).__name__}: {error}")
    folder = os.path.join(os.environ.get("SWEEP_RUN_DIR") or ".", "artifacts")
    try:
        if not os.path.isdir(folder) or not os.listdir(folder):
            return
        from sweep_tracking.artifacts import upload_left

        upload_left(folder)
    except Exception as error:
        _warn("artifacts", f"what is in {folder} is not uploaded: {type(error).__name__}: {error}")


if os.environ.get("SWEEP_REPORT") == "stdout":
    import atexit

    atexit.register(_upload_left, os.getpid())
