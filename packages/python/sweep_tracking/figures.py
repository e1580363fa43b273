"""Figures as files."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Mapping, Optional

from . import values as _values

if TYPE_CHECKING:
    from .run import Run


def save_figure(figure: Any, path: str) -> None:
    """Writes a figure in the format that `path` ends in. Raises TypeError for what is no figure."""
    if isinstance(figure, (bytes, bytearray)):
        with open(path, "wb") as file:
            file.write(figure)
        return
    ending = os.path.splitext(path)[1].lower()
    if callable(getattr(figure, "savefig", None)):  # matplotlib
        figure.savefig(path, bbox_inches="tight")
    elif callable(getattr(figure, "write_html", None)):  # plotly, which needs a browser for anything else
        if ending == ".json":
            figure.write_json(path)
        elif ending == ".html":
            figure.write_html(path, include_plotlyjs="cdn")
        else:
            figure.write_image(path)
    elif callable(getattr(figure, "save", None)) and hasattr(figure, "mode"):  # Pillow
        figure.save(path)
    elif callable(getattr(figure, "get_figure", None)):  # axes
        save_figure(figure.get_figure(), path)
    else:
        raise TypeError(f"{type(figure).__name__} is no figure of matplotlib, plotly or Pillow; log its file instead")


def log_figure(
    run: Run, figure: Any, name: str, *, step: Optional[int] = None, metadata: Optional[Mapping[str, Any]] = None
) -> None:
    """Logs a figure as the artifact `name`, of type plot; a later one under the same name is a new version."""
    from .artifacts import log_made

    name = _values.artifact_path(name)
    if callable(getattr(figure, "write_html", None)) and not os.path.splitext(name)[1]:
        name += ".html"
    elif not os.path.splitext(name)[1]:
        name += ".png"
    about = dict(metadata or {})
    if step is not None:
        about["step"] = step
    with tempfile.TemporaryDirectory(prefix="sweep-figure-") as folder:
        path = os.path.join(folder, "figure" + os.path.splitext(name)[1])
        save_figure(figure, path)
        log_made(run, [(path, name)], "plot", about, ())
