"""Who writes a spool, and whether they still may."""

from __future__ import annotations

import os
import socket
from typing import Any, Dict


def _start_of(pid: int) -> str:
    """When a process began, where the system tells: the same pid is another process later. Empty for one that is gone,
    or waits to be reaped.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, IndexError):
        return ""


def _here() -> str:
    """Where process numbers mean what they mean to us: a container with the host's name has others."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def this_process() -> Dict[str, Any]:
    return {"host": _here(), "pid": os.getpid(), "start": _start_of(os.getpid())}


def lives(owner: Any, elsewhere: bool) -> bool:
    """Whether the process that writes a spool may still do so. What it is on other hosts can't be seen: `elsewhere`."""
    try:
        host, pid, start = owner["host"], int(owner["pid"]), owner.get("start")
    except (KeyError, TypeError, ValueError):
        return False
    if host != _here():
        return elsewhere
    if pid == os.getpid():
        return start in ("", None, _start_of(pid))
    now = _start_of(pid)
    if now or os.path.isdir("/proc/self"):
        return now != "" and (not start or start == now)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
