"""Checkpoints of a pod, which go with it: copies of them on the server, made while training goes on, and fetched by the
attempt that goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import sweep

from .archive import Damaged, digest, pack, unpack
from .guarded import say
from .program import patience
from .server import Refused, Server, Unreachable, call, download, find_server

_LAST_PATIENCE_S = 60.0  # as for artifacts
_LAST_AT_MOST_S = 600.0  # what an agent waits for the checkpoint of a trial that is to go on elsewhere
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_FULL_PAUSE_S = 60.0  # every try sends the bytes, and a store that is full is so for a while
_FETCH_PATIENCE_S = 600.0  # starting anew costs more than waiting for a server that is restarted
_MOST_TRIES = 3  # of a copy that arrives damaged

_copies: Optional[Copies] = None


def copy(step: int, path: str, tell: Callable[[int, str], None]) -> None:
    """Has a checkpoint copied in the background; `tell` is called with it once that is done."""
    global _copies
    try:
        if _copies is None or not _copies.is_ours:
            _copies = Copies(_server(), os.environ["SWEEP_ATTEMPT"], tell)
        _copies.add(step, path)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        sweep._warn("copies", f"the checkpoint of step {step} goes with this pod: {error}")


def finish() -> None:
    """Waits for the last checkpoint, at the end of the program."""
    if _copies is not None and _copies.is_ours and not _copies.finish(patience(_LAST_PATIENCE_S), _LAST_AT_MOST_S):
        say("last", "the last checkpoint is not on the server; the trial goes on from an older one, or starts anew.")


def fetch(folder: str) -> Optional[str]:
    """The folder, below `folder`, of what this attempt is to go on from; None where nothing can be had."""
    os.makedirs(folder, exist_ok=True)
    with _one_at_a_time(folder):
        there = sweep._checkpoints(folder)
        if there:  # another process of this program has fetched it
            return there[-1][1]
        try:
            server, attempt = _server(), os.environ["SWEEP_ATTEMPT"]
            found = _insist(lambda: call(server, "GET", f"/attempts/{attempt}/restore"))["copies"]
            for one in found:
                path = _fetch_one(server, attempt, one, folder)
                if path is not None:
                    return path
            why = "none of its copies can be read" if found else "the server has no copy of it"
        except (Refused, Unreachable, OSError, KeyError, TypeError, ValueError) as error:
            why = str(error) or type(error).__name__
    sweep._warn("restore", f"the checkpoint of an earlier attempt can't be had: {why}. Starting anew.")
    return None


def _fetch_one(server: Server, attempt: str, copy: Dict[str, Any], folder: str) -> Optional[str]:
    step, sha256 = int(copy["step"]), str(copy["sha256"])
    path, part = os.path.join(folder, str(step)), os.path.join(folder, f".{step}-part")

    def get() -> None:
        shutil.rmtree(part, ignore_errors=True)
        with download(server, f"/attempts/{attempt}/restore/{sha256}") as source:
            unpack(source, sha256, part)
        if sweep._given_checkpoint(part) is None:
            raise Damaged("it is no complete checkpoint")

    why = ""
    for tries in range(_MOST_TRIES):
        time.sleep(_FIRST_PAUSE_S if tries > 0 else 0)
        try:
            _insist(get)
            os.rename(part, path)
            return path
        except Damaged as error:  # on its way, maybe
            why = str(error)
        except Refused as error:
            why = str(error)
            break
    shutil.rmtree(part, ignore_errors=True)
    say(f"copy {step}", f"the checkpoint of step {step} is passed over: {why}.")
    return None


def _insist(get: Callable[[], Any]) -> Any:
    """Asks again while the server is away."""
    end, pause = time.monotonic() + _FETCH_PATIENCE_S, _FIRST_PAUSE_S
    while True:
        try:
            return get()
        except (Refused, Unreachable) as error:
            is_over = isinstance(error, Refused) and error.status < 500
            if is_over or time.monotonic() + pause > end:
                raise
            say("away", f"waiting for the checkpoint to go on from: {error}")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def _server() -> Server:
    found = find_server() if os.environ.get("SWEEP_URL") else None
    if found is None:
        raise ValueError("no server is known here (SWEEP_URL)")
    return found


@contextlib.contextmanager
def _one_at_a_time(folder: str) -> Iterator[None]:
    """Processes of one program want the same files; the first one fetches them."""
    import fcntl

    with open(os.path.join(folder, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Waiting:
    """A checkpoint, and links to its files: they can be read when the program has removed it, and take no room."""

    def __init__(self, step: int, path: str, count: int) -> None:
        self.step, self.path = step, path
        self.folder = os.path.join(os.path.dirname(path), f".copy-{count}-{step}")
        self.digest: Optional[Tuple[str, int]] = None
        shutil.copytree(path, self.folder, symlinks=True, copy_function=os.link)

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class _Fenced(Exception):
    """Another attempt runs the trial now."""


class Copies:
    """The newest checkpoint that is still to be copied, and the thread that does so, which lives no longer than that."""

    def __init__(self, server: Server, attempt: str, tell: Callable[[int, str], None]) -> None:
        self._server, self._attempt, self._tell = server, attempt, tell
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: Optional[_Waiting] = None
        self._is_working = False
        self._is_last = False
        self._is_fenced = False
        self._is_kept = True  # the newest
        self._moved_at = 0.0
        self._count = 0

    @property
    def is_ours(self) -> bool:
        """False in a forked child, which has no thread for it."""
        return self._pid == os.getpid()

    def add(self, step: int, path: str) -> None:
        """Raises OSError, RuntimeError."""
        if self._is_fenced:
            return
        self._count += 1
        waiting = _Waiting(step, path, self._count)
        with self._changed:
            self._is_kept = False
            if self._waiting is not None:
                self._waiting.drop()
            self._waiting = waiting
            if not self._is_working:
                threading.Thread(target=self._work, name="sweep-checkpoints", daemon=True).start()
                self._is_working = True

    def finish(self, patience_s: float, at_most_s: float) -> bool:
        """Whether the server has the newest. Gives up when nothing has got through for `patience_s`."""
        with self._changed:
            self._is_last = True
            self._changed.notify_all()
            self._moved_at = time.monotonic()
            end = self._moved_at + at_most_s
            while self._is_working:
                left = min(end, self._moved_at + patience_s) - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return self._is_kept

    def _work(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            with self._changed:
                taken, self._waiting = self._waiting, None
                if taken is not None and self._is_fenced:
                    taken.drop()
                if taken is None or self._is_fenced:
                    self._is_working = False
                    self._changed.notify_all()
                    return
            wait = self._try(taken, pause)
            with self._changed:
                if wait is None or self._waiting is not None:
                    taken.drop()
                else:
                    self._waiting = taken
                if wait is not None:
                    self._changed.wait(_FIRST_PAUSE_S if self._is_last else wait)
            pause = _FIRST_PAUSE_S if wait is None else min(pause * 2, _LONGEST_PAUSE_S)

    def _try(self, taken: _Waiting, pause: float) -> Optional[float]:
        """Seconds to wait before it is tried again; None once it is copied, or can't be."""
        moved_at = self._moved_at
        lost = f"the checkpoint of step {taken.step} goes with this pod"
        try:
            self._put(taken)
            self._tell(taken.step, taken.path)
            with self._changed:
                self._is_kept = self._waiting is None
            return None
        except _Fenced:
            self._is_fenced = True
            say("fenced", f"{lost}: another attempt runs the trial now.")
        except Refused as error:
            self._moved_at = moved_at  # what was sent was for nothing
            if error.status in (401, 403):  # a token is good for as long as its attempt is
                self._is_fenced = True
            elif error.retryable or error.code == "checksum-mismatch":
                say(f"copy {error.code}", f"the checkpoint of step {taken.step} is not copied yet: {error}.")
                return _FULL_PAUSE_S if error.code == "storage-full" else pause
            say(f"copy {error.code}", f"{lost}: {error}.")
        except Unreachable as error:
            say("copy away", f"the checkpoint of step {taken.step} is not copied yet: {error}.")
            return pause
        except Exception as error:  # a disk that can't be read
            say("copy disk", f"{lost}: {type(error).__name__}: {error}.")
        return None

    def _put(self, taken: _Waiting) -> None:
        if taken.digest is None:
            taken.digest = digest(self._moving(pack(taken.folder)))
        sha256, length = taken.digest
        where = f"/attempts/{self._attempt}/checkpoints/{taken.step}"
        body = self._moving(pack(taken.folder))
        reply = call(self._server, "PUT", where, body, {"sha256": sha256, "path": taken.path}, length)
        result = reply.get("result") if isinstance(reply, dict) else None
        if result == "fenced":
            raise _Fenced
        if result != "kept":
            raise Unreachable("the server lost it at once")

    def _moving(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._moved_at = time.monotonic()
            yield chunk
