"""What a program is to its runs: a trial or not, and how it ended."""

from __future__ import annotations

import os
from typing import Optional

from . import values as _values

_PATIENCE_S = 5.0


def trial_run() -> Optional[str]:
    """The id of the trial's run, inside of a trial."""
    sweep_id, trial = os.environ.get("SWEEP_ID"), os.environ.get("SWEEP_TRIAL")
    return f"{sweep_id}-{trial}" if sweep_id and trial and trial.isdecimal() else None


def patience(usual: float = _PATIENCE_S) -> float:
    """Seconds to wait at the end for a server that does not answer: $SWEEP_EXIT_WAIT, or `usual`."""
    try:
        return max(0.0, float(os.environ["SWEEP_EXIT_WAIT"]))
    except (KeyError, ValueError):
        return usual


def how_it_ended(error: Optional[BaseException]) -> "tuple[str, Optional[str]]":
    """(status, message) for what a `with` block or the program ended by."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "completed", None
    text = f"{type(error).__name__}: {_values.text_of(error)}" if str(error) else type(error).__name__
    return ("killed" if isinstance(error, KeyboardInterrupt) else "failed"), text[:10_000]
