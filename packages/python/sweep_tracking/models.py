"""Models as files that need no pickle, so that loading one runs nobody's code."""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple

from . import values as _values
from .safetensors import save_tensors

if TYPE_CHECKING:
    from .run import Run


def save_model(model: Any, folder: str, saver: Optional[Callable[[Any, str], Any]] = None) -> str:
    """Saves a model into a folder; the name of the format. Raises TypeError for one that can't be saved without pickle.

    @param saver called with the model and the folder, instead of the ways there are: `save_pretrained`, a Keras model's
                 `save`, and `state_dict` (or a dict of tensors or arrays) as safetensors with a JSON file for the rest
    """
    if saver is not None:
        saver(model, folder)
        return "custom"
    if callable(getattr(model, "save_pretrained", None)):
        model.save_pretrained(folder)
        return "pretrained"
    if any(kind.__module__.partition(".")[0] in ("keras", "tf_keras") for kind in type(model).__mro__):
        model.save(os.path.join(folder, "model.keras"))
        return "keras"
    state_dict = getattr(model, "state_dict", None)
    state = state_dict() if callable(state_dict) else model
    if isinstance(state, Mapping):
        tensors, rest = _apart(state)
        if tensors:
            save_tensors(tensors, os.path.join(folder, "model.safetensors"))
        if rest:
            with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as file:
                json.dump(rest, file)
        if tensors or rest:
            return "safetensors"
    raise TypeError(
        f"{type(model).__name__} has no save_pretrained and no state_dict; give a saver=, such as "
        "lambda model, folder: model.save_model(folder + '/model.json')"
    )


def _apart(state: Mapping[Any, Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """(tensors and arrays by dotted name, everything else as JSON by dotted name)"""
    tensors: Dict[str, Any] = {}
    rest: Dict[str, Any] = {}

    def take(value: Any, path: str, depth: int) -> None:
        if isinstance(value, Mapping) and value and depth < _values.MOST_DEPTH:
            for key, item in value.items():
                take(item, f"{path}.{key}" if path else str(key), depth + 1)
        elif hasattr(value, "dtype") and hasattr(value, "shape"):
            tensors[path] = value
        else:
            rest[path] = _values.plain(value)

    take(state, "", 0)
    return tensors, rest


def log_model(
    run: Run,
    model: Any,
    name: str,
    *,
    saver: Optional[Callable[[Any, str], Any]] = None,
    metadata: Optional[Mapping[str, Any]] = None,
    aliases: Any = (),
    step: Optional[int] = None,
    signature: Any = None,
    registered_model_name: Optional[str] = None,
) -> None:
    """Saves a model and logs its files as `models/<name>/…`, of type model.

    @param step the step it was saved at
    @param signature what goes in and comes out, as JSON
    @param registered_model_name registers it as a version of this model, once its files are uploaded
    """
    from .artifacts import _files, log_made

    name = _values.artifact_path(name)
    with tempfile.TemporaryDirectory(prefix="sweep-model-") as folder:
        form = save_model(model, folder, saver)
        about: Dict[str, Any] = {"format": form, "class": f"{type(model).__module__}.{type(model).__qualname__}"}
        framework = _framework(model)
        if framework:
            about["framework"] = framework
        if step is not None:
            about["step"] = step
        if signature is not None:
            about["signature"] = signature
        files: List[Tuple[str, str]] = [(path, f"models/{name}/{relative}") for path, relative in _files(folder)]
        if not files:
            raise ValueError("the saver has left no file")
        log_made(run, files, "model", {**about, **(metadata or {})}, aliases)
        if registered_model_name is not None:
            # After its files in the same spool, so that the server has them by then.
            registration = {"name": _values.text_of(registered_model_name), "path": f"models/{name}"}
            run._log("model", registration, place="files")


def _framework(model: Any) -> Optional[str]:
    known = ("torch", "keras", "tensorflow", "transformers", "jax", "flax", "sklearn", "xgboost", "lightgbm")
    for kind in type(model).__mro__:
        head = kind.__module__.partition(".")[0]
        if head in known:
            return head
    return None
