"""What a run has logged and the server has not taken yet, as a folder that outlives the process.

    run.json        {"format": 1, "run": ID, "writer": ID, "url": ADDRESS or null, "owner": {"host", "pid", "start"},
                    "create": what makes the run, or null}
    journal.jsonl   one operation a line, appended as the program logs; the order in which the server gets them
    sent.json       {"offset", "seq", "pending"}: bytes of the journal that the server has, the number of the last batch
                    of metrics among them, and the one that is under way: {"seq", "end"}
    files/          copies of files that are to be uploaded
    rejected.jsonl  operations that the server will not take, with the reason; the folder is renamed to rejected-… then,
                    once all else is sent

A batch of metrics is a range of bytes that is written down before it is sent: after any fault it goes out again under
the same number with the same points, and the server counts it once. Every other operation may be repeated. Programs in
other languages write the same folder (packages/client/src/tracking).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .process_owner import lives, this_process
from .server import sweep_home

FORMAT = 1
_CHUNK = 1_048_576
_KEPT_LINES = 10_000  # that wait in memory while the disk is full
_ID = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """Ten characters, as packages/spec/src/ids.ts makes them. Not of `random`: a program's seeds are its own."""
    return "".join(_ID[byte & 31] for byte in os.urandom(10))


def spool_root() -> str:
    """$SWEEP_SPOOL, else `spool` in the home folder of sweep, else a folder for temporary files. In a trial that can't
    reach its server, `spool` of the run folder: the home may be that of a container, and gone with it.
    """
    import tempfile

    if os.environ.get("SWEEP_SPOOL"):
        return os.environ["SWEEP_SPOOL"]
    run_dir = os.environ.get("SWEEP_RUN_DIR")
    if run_dir and not os.environ.get("SWEEP_URL"):
        return os.path.join(run_dir, "spool")
    wanted = os.path.join(sweep_home(), "spool")
    try:
        os.makedirs(wanted, mode=0o700, exist_ok=True)
        if os.access(wanted, os.W_OK | os.X_OK):
            return wanted
    except OSError:
        pass
    user = os.getuid() if hasattr(os, "getuid") else ""
    return os.path.join(tempfile.gettempdir(), f"sweep-spool-{user}")


def _replace(path: str, content: Any) -> None:
    """Writes JSON whole or not at all, and onto the disk."""
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _read_json(path: str) -> Any:
    with open(path, "rb") as file:
        return json.load(file)


class Spool:
    """One writer's part of a run. Appending may be done by any thread; the rest is the sender's."""

    def __init__(self, folder: str, header: Dict[str, Any]) -> None:
        self.folder = folder
        self.run = str(header["run"])
        self.writer = str(header["writer"])
        self.url: Optional[str] = header.get("url")
        self.creation: Optional[Dict[str, Any]] = header.get("create")
        self.offset = 0
        self.seq = 0
        self.pending: Optional[Dict[str, int]] = None
        self._header = header
        self._journal = os.path.join(folder, "journal.jsonl")
        self._lock = threading.Lock()
        self._fd = -1
        self._waiting: List[bytes] = []
        self._files = 0

    # Making and finding them.

    @classmethod
    def create(cls, run: str, url: Optional[str], create: Optional[Dict[str, Any]] = None) -> "Spool":
        """@param create what makes the run, should the server have lost it. Raises OSError."""
        writer = new_id()
        folder = os.path.join(spool_root(), f"{run}~{writer}")
        # What programs log is nobody else's to read.
        os.makedirs(os.path.join(folder, "files"), mode=0o700)
        header = {"format": FORMAT, "run": run, "writer": writer, "url": url, "owner": this_process(), "create": create}
        _replace(os.path.join(folder, "run.json"), header)
        return cls(folder, header)

    @classmethod
    def open(cls, folder: str, elsewhere: bool = True, url: Optional[str] = None) -> Optional["Spool"]:
        """The spool of a process that is gone, which is this one's from now on; None when there is none to take.

        @param elsewhere whether processes of other hosts, which can't be seen, count as living
        @param url only when it is for this server
        """
        try:
            header = _read_json(os.path.join(folder, "run.json"))
            if header.get("format") != FORMAT or lives(header.get("owner"), elsewhere):
                return None
            if url is not None and header.get("url") != url:
                return None
            spool = cls(folder, {**header, "owner": this_process()})
            _replace(os.path.join(folder, "run.json"), spool._header)
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None
        try:
            state = _read_json(os.path.join(folder, "sent.json"))
            spool.offset, spool.seq, spool.pending = int(state["offset"]), int(state["seq"]), state.get("pending")
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing was sent
        if spool.offset > spool.size():
            spool.offset, spool.pending = 0, None  # `shorten` was cut off
        return spool

    # What the program does.

    def append(self, operation: Dict[str, Any]) -> bool:
        """Adds an operation. False when it had to be dropped: the disk is full, and so is the memory for that case."""
        return self.append_line(json.dumps(operation, allow_nan=False))

    def append_line(self, text: str) -> bool:
        line = text.encode() + b"\n"
        with self._lock:
            self._waiting.append(line)
            self._drain()
            if len(self._waiting) <= _KEPT_LINES:
                return True
            self._waiting.pop()
            return False

    def _drain(self) -> None:
        while self._waiting:
            line = self._waiting[0]
            try:
                if self._fd < 0:
                    self._fd = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                written = os.write(self._fd, line)
                if written < len(line):
                    # Only we append here, so what there is of the line can be taken back.
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                    return
            except OSError:
                return
            self._waiting.pop(0)

    def retry(self) -> None:
        """Appends what a full disk kept waiting."""
        with self._lock:
            self._drain()

    @property
    def is_behind(self) -> bool:
        """Whether lines wait in memory."""
        return bool(self._waiting)

    def add_file(self, path: str) -> str:
        """Copies a file, so that the program may go on to change it; the name of the copy. Raises OSError."""
        with self._lock:
            self._files += 1
            name = f"{os.getpid()}-{self._files}"
        target = os.path.join(self.folder, "files", name)
        try:
            shutil.copyfile(path, target)
        except BaseException:
            self.drop_file(name)
            raise
        return name

    def file_path(self, name: str) -> str:
        return os.path.join(self.folder, "files", os.path.basename(name))

    def drop_file(self, name: str) -> None:
        try:
            os.unlink(self.file_path(name))
        except OSError:
            pass

    # What the sender does.

    def size(self) -> int:
        try:
            return os.stat(self._journal).st_size
        except OSError:
            return 0

    @property
    def is_sent(self) -> bool:
        return self.offset >= self.size() and not self._waiting

    def lines(self, end: Optional[int] = None) -> Iterator[Tuple[int, Any]]:
        """(where it ends, operation) from the offset on, whole lines only. None for a line that is no JSON."""
        try:
            file = open(self._journal, "rb")
        except OSError:
            return
        with file:
            file.seek(self.offset)
            position = self.offset
            rest = b""
            while True:
                chunk = file.read(_CHUNK)
                if not chunk:
                    return
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    position += len(line) + 1
                    if end is not None and position > end:
                        return
                    try:
                        yield position, json.loads(line)
                    except ValueError:
                        yield position, None

    def begin_batch(self, end: int) -> int:
        """Writes down that the bytes up to `end` go out as the next batch; its number. Raises OSError."""
        self._sync()  # the range must not be longer than what a crash of the machine leaves
        pending = {"seq": self.seq + 1, "end": end}
        self._keep(self.offset, self.seq, pending)
        self.pending = pending
        return pending["seq"]

    def advance(self, offset: int, seq: Optional[int] = None) -> None:
        """The server has everything up to `offset`. Raises OSError; then it will be sent once more."""
        number = self.seq if seq is None else seq
        self._keep(offset, number, None)  # first: who waits for the offset may be about to end the process
        self.offset, self.seq, self.pending = offset, number, None

    def rewind(self, offset: int, seq: int) -> None:
        self.advance(offset, seq)

    def restart(self) -> None:
        """Everything from the beginning, for a server that has lost the run."""
        self.advance(0, 0)

    def reject(self, operation: Any, reason: str) -> None:
        try:
            with open(os.path.join(self.folder, "rejected.jsonl"), "a", encoding="utf-8") as file:
                file.write(json.dumps({"reason": reason, "operation": operation}) + "\n")
        except OSError:
            pass

    def shorten(self, longest: int) -> None:
        """Empties a journal of more than `longest` bytes that the server has all of."""
        with self._lock:
            if self._fd < 0 or self._waiting or not longest < self.size() == self.offset:
                return
            # In this order: an offset beyond the end means that the journal was emptied.
            os.ftruncate(self._fd, 0)
            self.offset = 0
            self._keep(0, self.seq, None)

    def close(self, remove: bool) -> None:
        """Removes the folder when nothing is left in it, and else leaves it to whoever sends it next."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            if remove and not os.path.exists(os.path.join(self.folder, "rejected.jsonl")):
                shutil.rmtree(self.folder, ignore_errors=True)
                return
            try:
                if remove:
                    # For people to look at; there is nothing to send, so it gets a name that nobody looks for.
                    kept = f"rejected-{self.run}-{self.writer}"
                    os.rename(self.folder, os.path.join(os.path.dirname(self.folder), kept))
                    return
                _replace(os.path.join(self.folder, "run.json"), {**self._header, "owner": None})
            except OSError:
                pass

    def _sync(self) -> None:
        fd = os.open(self._journal, os.O_RDWR)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _keep(self, offset: int, seq: int, pending: Optional[Dict[str, int]]) -> None:
        try:
            _replace(os.path.join(self.folder, "sent.json"), {"offset": offset, "seq": seq, "pending": pending})
        except OSError as error:
            # With a full disk it goes on all the same: what waits in memory has nowhere else to go. Only a crash right
            # now could cost points, where stopping would.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise


def left_behind(
    root: Optional[str] = None, *, run: Optional[str] = None, url: Optional[str] = None, elsewhere: bool = True
) -> Iterator[Spool]:
    """Spools of processes that are gone, of one run or of all, taken over by this process. Oldest first."""
    root = root or spool_root()
    try:
        names = os.listdir(root)
    except OSError:
        return
    folders = [os.path.join(root, name) for name in names if "~" in name]
    if run is not None:
        folders = [folder for folder in folders if os.path.basename(folder).startswith(f"{run}~")]
    for folder in sorted(folders, key=_age):
        spool = Spool.open(folder, elsewhere, url)
        if spool is not None:
            yield spool


def _age(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return 0.0
