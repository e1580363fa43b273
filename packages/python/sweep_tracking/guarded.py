"""What keeps the tracker from getting in the way of the training."""

from __future__ import annotations

import sys
from typing import Any, Callable, TypeVar

import sweep

F = TypeVar("F", bound=Callable[..., Any])


def guarded(otherwise: Any = None) -> Callable[[F], F]:
    """What a call gives when it fails: a warning, never an exception, unless SWEEP_STRICT=1."""

    def around(function: F) -> F:
        import functools

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except (sweep.SweepError, sweep.SweepStop):
                raise
            except Exception as error:
                name = function.__name__
                sweep._warn(f"{name} {type(error).__name__}", f"{name}: {error or type(error).__name__}")
                return otherwise() if callable(otherwise) else otherwise

        return call  # type: ignore[return-value]

    return around


def say(cause: str, text: str) -> None:
    """A warning from the background, where nobody could catch an error."""
    try:
        sweep._warn(cause, text)
    except sweep.SweepError:
        sys.stderr.write(f"sweep: {text}\n")
