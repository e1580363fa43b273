"""Brings what is in a spool to the server, in the order of the journal."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import IO, Any, Callable, Dict, List, Optional, Tuple

from .heartbeat import Heartbeat
from .server import Refused, Server, Unreachable, call
from .spool import Spool

BATCH_VALUES = 5_000
BATCH_BYTES = 1_048_576  # the server takes four times as much
FLUSH_S = 1.0
_PAUSES_S = (0.5, 30.0)  # after a failure; each is twice the one before
_SHORTEN_BYTES = 33_554_432

Say = Callable[[str, str], None]


class Hopeless(Exception):
    """The server will never take this run."""


class Sender:
    """Sends one spool. Not for several threads at once.

    @param say told (cause, text) of what the program's user should know
    @param progressed called whenever bytes get through
    """

    def __init__(self, spool: Spool, server: Server, say: Say, progressed: Callable[[], None] = lambda: None) -> None:
        self.spool = spool
        self._server = server
        self._say = say
        self._progressed = progressed
        self._batches: List[Tuple[int, int]] = []  # (number, where it begins), for a server that has lost some
        self._recreated = False

    def send_next(self) -> bool:
        """Sends the next batch or operation; False when there is none. Raises Unreachable, a Refused that is
        retryable, Hopeless, OSError.
        """
        if self.spool.pending is not None:
            self._send_batch(int(self.spool.pending["seq"]), int(self.spool.pending["end"]))
            return True
        for end, operation in self.spool.lines():
            if isinstance(operation, dict) and operation.get("op") == "point":
                end = self._batch_end()
                self._send_batch(self.spool.begin_batch(end), end)
            else:
                self._send_operation(operation)
                self.spool.advance(end)
            self._progressed()
            return True
        return False

    # Metrics.

    def _batch_end(self) -> int:
        values = 0
        reached = self.spool.offset
        for end, operation in self.spool.lines():
            if not isinstance(operation, dict) or operation.get("op") != "point":
                break
            try:
                values += len(operation["point"]["values"])
            except (KeyError, TypeError):
                pass
            if reached > self.spool.offset and (values > BATCH_VALUES or end - self.spool.offset > BATCH_BYTES):
                break
            reached = end
        return reached

    def _send_batch(self, seq: int, end: int) -> None:
        begin = self.spool.offset
        points = [operation["point"] for _, operation in self.spool.lines(end) if operation and "point" in operation]
        body = {"writer": {"id": self.spool.writer, "seq": seq}, "points": points}
        try:
            reply = self._call("POST", "/metrics/batch", body)
        except Refused as refusal:
            if self._is_gap(refusal, seq):
                return
            self._refused({"op": "points", "points": points}, refusal)
            self.spool.advance(end)  # the number is free again
            return
        dropped = (reply or {}).get("dropped")
        if dropped:
            self._say("dropped", f"the server left out {dropped} values: the run has too many names of metrics.")
        self._batches.append((seq, begin))
        self.spool.advance(end, seq)

    def _is_gap(self, refusal: Refused, seq: int) -> bool:
        """The server has fewer batches than it has answered: it was set back to an earlier state."""
        has = refusal.details.get("seq") if isinstance(refusal.details, dict) else None
        if refusal.code != "conflict" or not isinstance(has, int) or has >= seq - 1:
            return False
        known = [begin for number, begin in self._batches if number == has + 1 and begin <= self.spool.offset]
        if not known:
            self._say("gap", f"the server has lost metrics of run {self.spool.run} that it had taken.")
        self.spool.rewind(known[-1] if known else self.spool.offset, has)
        self._batches = [(number, begin) for number, begin in self._batches if number <= has]
        return True

    # Everything else.

    def _send_operation(self, operation: Any) -> None:
        if not isinstance(operation, dict):
            return  # what a crash of the machine left of a line
        send: Optional[Callable[[Any], Any]] = {
            "create": lambda body: call(self._server, "POST", "/runs", body),
            "change": lambda body: self._call("PATCH", "", body),
            "params": self._send_params,
            "tags": lambda body: self._call("POST", "/tags", body),
            "file": self._send_file,
            "model": self._send_model,
            "end": lambda body: self._call("POST", "/end", body),
        }.get(str(operation.get("op")))
        try:
            if send is not None:
                send(operation["body"])
        except Refused as refusal:
            self._refused(operation, refusal)

    def _send_params(self, body: Dict[str, Any]) -> None:
        try:
            self._call("POST", "/params", body)
        except Refused as refusal:
            names = refusal.details.get("names") if isinstance(refusal.details, dict) else None
            if refusal.code != "conflict" or not names:
                raise
            self._say("params", f"{refusal}. Log it with overwrite=True to change it.")
            left = {name: value for name, value in body["params"].items() if name not in names}
            self._call("POST", "/params", {**body, "params": left})

    def _send_file(self, body: Dict[str, Any]) -> None:
        copied = body.get("file")
        source = self.spool.file_path(copied) if copied else str(body["source"])
        try:
            length, sha256 = _measure(source)
        except OSError as error:
            self.spool.reject({"op": "file", "body": body}, str(error))
            self._say("file", f"{body['path']} was not uploaded: {error.strerror or error}")
            return
        query = {"path": body["path"], "sha256": sha256, "type": body["type"]}
        with open(source, "rb") as file:
            watched: Any = _Watched(file, self._progressed)
            artifact = self._call("PUT", "/artifacts/file", watched, query, length)
        change = {key: body[key] for key in ("metadata", "aliases") if body.get(key)}
        if change and isinstance(artifact, dict):
            version = {"path": body["path"], "version": str(artifact.get("version", "latest"))}
            self._call("PATCH", "/artifacts/file", change, version)
        if copied:
            self.spool.drop_file(copied)

    def _send_model(self, body: Dict[str, Any]) -> None:
        try:
            self._call("POST", "/models", body)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            self._call("GET", "", None)  # refused too when it is the run that is not there
            self.spool.reject({"op": "model", "body": body}, str(refusal))
            self._say(f"model {body['name']}", f"{body['path']} was not registered as {body['name']}: {refusal}")

    def _call(self, method: str, path: str, body: Any, query: Any = None, length: Optional[int] = None) -> Any:
        return call(self._server, method, f"/runs/{self.spool.run}{path}", body, query, length)

    def _refused(self, operation: Any, refusal: Refused) -> None:
        """Decides what a refusal means: try again (it raises), begin anew (it raises too), or leave this one out."""
        if refusal.status in (401, 403):
            self._say("token", f"{self._server.url} does not let this program in: {refusal}")
        if refusal.retryable:
            raise refusal
        if refusal.status == 404:
            self._begin_anew(refusal)
        if operation.get("op") == "create":
            raise Hopeless(str(refusal))
        self.spool.reject(operation, str(refusal))
        self._say(f"refused {refusal.code}", f"run {self.spool.run}: {refusal}. It was left out.")

    def _begin_anew(self, refusal: Refused) -> None:
        """The server does not know the run: another writer is about to make it, or the server has lost it."""
        if self.spool.creation is None or self._recreated:
            raise Unreachable(str(refusal))
        self._recreated = True
        call(self._server, "POST", "/runs", self.spool.creation)
        self.spool.restart()
        self._batches = []
        raise Unreachable("the run was made again")


class _Watched:
    """A file whose reading is progress. Without a `fileno`, so that what is sent passes through here."""

    def __init__(self, file: IO[bytes], progressed: Callable[[], None]) -> None:
        self._file = file
        self._progressed = progressed

    def read(self, size: int = -1) -> bytes:
        self._progressed()
        return self._file.read(size)


def _measure(path: str) -> Tuple[int, str]:
    """(bytes, SHA-256)"""
    digest = hashlib.sha256()
    length = 0
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1_048_576), b""):
            digest.update(chunk)
            length += len(chunk)
    return length, digest.hexdigest()


class Channel:
    """A spool that a thread keeps sending.

    @param heartbeat of its run; None where another channel sends it, or the agent
    """

    def __init__(self, spool: Spool, server: Server, say: Say, heartbeat: Optional[Heartbeat] = None) -> None:
        self.spool = spool
        self.failure = ""
        self._say = say
        self._heartbeat = heartbeat
        self._sender = Sender(spool, server, say, self._progressed)
        self._wake = threading.Event()
        self._stopped = False
        self._hurry = False
        self._advanced_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="sweep-sender", daemon=True)
        self._thread.start()

    def _progressed(self) -> None:
        self._advanced_at = time.monotonic()

    def _run(self) -> None:
        pause = _PAUSES_S[0]
        while not self._stopped:
            try:
                self.spool.retry()
                while not self._stopped and self._sender.send_next():
                    self.failure = ""
                    pause = _PAUSES_S[0]
                    self._beat()
                self._beat()
                pause = _PAUSES_S[0]
                self.spool.shorten(_SHORTEN_BYTES)
                self._sleep(FLUSH_S)
                continue
            except Hopeless as error:
                self.failure = str(error)
                self._say("hopeless", f"the server does not take run {self.spool.run}: {error}")
                return
            except Exception as error:
                self.failure = str(error) or type(error).__name__
            # Half of it at random: programs that a server has failed together must not come back together.
            self._sleep(0.2 if self._hurry else pause * (0.5 + os.urandom(1)[0] / 512))
            pause = min(pause * 2, _PAUSES_S[1])

    def _beat(self) -> None:
        if self._heartbeat is not None and not self._stopped:
            self._heartbeat.beat()

    def _sleep(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def flush(self, patience: float) -> bool:
        """Waits until all that is in the spool now is sent; gives up after `patience` seconds without progress."""
        goal = self.spool.size()
        self._hurry = True
        self._progressed()
        self._wake.set()
        try:
            while not (self.spool.is_sent or (self.spool.offset >= goal and not self.spool.is_behind)):
                if not self._thread.is_alive() or time.monotonic() - self._advanced_at > patience:
                    return False
                time.sleep(0.005)
            return True
        finally:
            self._hurry = False

    def stop(self) -> None:
        """Ends the thread, and the spool when nothing is left in it."""
        self._stopped = True
        self._wake.set()
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self.spool.close(remove=self.spool.is_sent)
