"""What programs log, as JSON that the server takes. Pure; nothing here reads or writes.

The limits are those of packages/spec/src/tracking and packages/spec/src/wire/tracking.
"""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List, Mapping, Optional, Tuple

NAME_BYTES = 250
VALUE_CHARACTERS = 65_536
TAG_CHARACTERS = 5000
MOST_PARAMS = 5000
MOST_DEPTH = 20
PATH_CHARACTERS = 1024
_EXACT = 2**53  # beyond it JSON's numbers are not exact everywhere

_SPLITS = {
    "train": "train", "training": "train", "eval": "eval", "val": "eval", "valid": "eval", "validation": "eval",
    "test": "test",
}  # fmt: skip
CONTEXTS = ("train", "eval", "test")


def text_of(value: Any) -> str:
    """`str(value)` as text that UTF-8 can hold, without NUL."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # an object that can't say what it is
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def wrong_name(name: str) -> Optional[str]:
    """What is wrong with the name of a param, a tag or a metric; None when nothing is."""
    if not name:
        return "a name must not be empty"
    if len(name.encode("utf-8", "replace")) > NAME_BYTES:
        return f"{name[:40]!r}… has more than {NAME_BYTES} bytes"
    if "__proto__" in name.split("."):  # the server refuses all of a body that has it
        return "nothing can be called __proto__"
    return None


def wrong_metric(name: str) -> Optional[str]:
    wrong = wrong_name(name)
    if wrong is None and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name):
        wrong = f"{name!r} is not text without NUL"
    if wrong is None and any(part in (".", "..") for part in name.split("/")):
        wrong = f"{name!r} has . or .. as a part"
    return wrong


def context_of(key: str) -> Optional[str]:
    """The context that a key names by itself: eval for `val/loss`, None for `loss`."""
    parts = key.split("/")
    if len(parts) < 2 or "" in parts:
        return None
    return _SPLITS.get(parts[0])


def key_in_context(context: Optional[str], name: str) -> str:
    return name if context is None or context_of(name) == context else f"{context}/{name}"


def context_name(context: Any) -> Optional[str]:
    """One of train, eval and test for what people call them. Raises ValueError for others."""
    if context is None:
        return None
    found = _SPLITS.get(context) if isinstance(context, str) else None
    if found is None:
        raise ValueError(f"context {context!r}: there are train, eval and test")
    return found


def as_mapping(value: Any) -> Optional[Mapping[Any, Any]]:
    """A dict, a Namespace, a dataclass, or the config object of a library, as a mapping; None for other things."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    for method in ("to_dict", "model_dump"):  # transformers, pydantic
        call = getattr(value, method, None)
        if callable(call):
            try:
                made = call()
            except Exception:
                continue
            if isinstance(made, Mapping):
                return made
    fields = getattr(value, "__dataclass_fields__", None)
    if isinstance(fields, dict):
        return {name: getattr(value, name, None) for name in fields}
    if type(value).__name__ == "Namespace":  # argparse's, without importing it
        return dict(vars(value))
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """The JSON value nearest to `value`. NaN and infinities are text; what is no data is its `str`."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return text_of(value)
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        number = int(value)
        return number if -_EXACT <= number <= _EXACT else str(number)
    if isinstance(value, float):
        real = float(value)
        if math.isfinite(real):
            return real
        return "NaN" if real != real else "Infinity" if real > 0 else "-Infinity"
    if isinstance(value, (str, bytes, bytearray)):
        return text_of(value)
    if depth < MOST_DEPTH:
        if isinstance(value, (list, tuple, set, frozenset)):
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            return [plain(item, depth + 1) for item in items]
        mapping = as_mapping(value)
        if mapping is not None:
            named = ((text_of(key), item) for key, item in mapping.items())
            return {name: plain(item, depth + 1) for name, item in named if name != "__proto__"}
        # Tensors, arrays and their scalars; a large one is no param, and its `str` says enough.
        tolist = getattr(value, "tolist", None)
        if callable(tolist) and not isinstance(value, type) and _size(value) <= 1000:
            return plain(tolist(), depth + 1)
    return text_of(value)


def _size(array: Any) -> float:
    try:
        return float(math.prod(array.shape))
    except Exception:
        return math.inf


def flatten(params: Any) -> Tuple[Dict[str, Any], List[str]]:
    """Nested params by dotted name, and what had to be left out and why. Lists stay what they are: one value."""
    flat: Dict[str, Any] = {}
    wrong: List[str] = []

    def take(value: Any, path: Tuple[str, ...]) -> None:
        mapping = as_mapping(value) if len(path) < MOST_DEPTH else None
        if mapping:
            for key, item in list(mapping.items()):
                take(item, path + (text_of(key),))
            return
        name = ".".join(path)
        problem = wrong_name(name)
        made = None if problem else {} if mapping is not None else plain(value)
        if problem is None and isinstance(made, (str, list, dict)):
            length = len(made) if isinstance(made, str) else len(json.dumps(made, ensure_ascii=False))
            if length > VALUE_CHARACTERS:
                problem = f"the value of {name!r} has more than {VALUE_CHARACTERS} characters; keep it as an artifact"
        if problem is None and name not in flat and len(flat) >= MOST_PARAMS:
            problem = f"a run has at most {MOST_PARAMS} params"
        if problem is None:
            flat[name] = made
        else:
            wrong.append(problem)

    mapping = as_mapping(params)
    if mapping is None:
        return {}, [f"params must be a mapping, and {type(params).__name__} is not"]
    for key, item in list(mapping.items()):
        take(item, (text_of(key),))
    return flat, wrong


def tag_text(value: Any) -> str:
    return text_of("" if value is None else value)[:TAG_CHARACTERS]


def artifact_path(path: Any) -> str:
    """A path inside of a run's artifacts, with slashes. Raises ValueError for one that would lead out of them."""
    text = text_of(path).replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not parts:
        raise ValueError(f"{text[:100]!r} is not a path inside of the run's artifacts")
    joined = "/".join(parts)
    if len(joined) > PATH_CHARACTERS:
        raise ValueError(f"a path has at most {PATH_CHARACTERS} characters, and {joined[:40]!r}… has more")
    return joined
