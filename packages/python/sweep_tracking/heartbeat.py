"""Says now and then that the program of a run lives, so that the server can tell when it does not."""

from __future__ import annotations

import time

from .server import Refused, Server, call

_AFTER_REFUSAL_S = 60.0


class Heartbeat:
    """Of one run; for the thread that sends what the run logs."""

    def __init__(self, run_id: str, server: Server) -> None:
        self._run_id = run_id
        self._server = server
        self._due = 0.0  # by time.monotonic

    def beat(self) -> None:
        """Sends one if it is due. Raises Unreachable, and a Refused that is retryable."""
        now = time.monotonic()
        if now < self._due:
            return
        try:
            reply = call(self._server, "POST", f"/runs/{self._run_id}/heartbeat", {})
            self._due = now + float(reply["everyMs"]) / 1000
        except Refused as refusal:
            if refusal.retryable:
                raise
            # A server of an earlier release, or the run is deleted: what is logged will say so.
            self._due = now + _AFTER_REFUSAL_S
        except (KeyError, TypeError, ValueError):
            self._due = now + _AFTER_REFUSAL_S
