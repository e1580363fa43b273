"""The random state of Python, numpy and torch as JSON, so that a run that goes on from a checkpoint draws what it would
have drawn. Reading it runs no code.
"""

from __future__ import annotations

import base64
import json
import os
import random
import sys
from typing import Any, Dict, Optional

import sweep

# Not the names of anybody else: transformers have a config.json of their own.
RANDOM_FILE = "sweep_random_state.json"
CONFIG_FILE = "sweep_config.json"


def capture() -> Dict[str, Any]:
    """Of the libraries that are in use: one that is not imported yet has drawn nothing."""
    version, numbers, gauss = random.getstate()
    state: Dict[str, Any] = {"python": [version, list(numbers), gauss]}
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        name, keys, position, has_gauss, cached = numpy.random.get_state()
        state["numpy"] = [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)]
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        state["torch"] = _text(torch.get_rng_state())
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            state["cuda"] = [_text(device) for device in torch.cuda.get_rng_state_all()]
    return state


def restore(state: Dict[str, Any]) -> None:
    """Sets what is in `state` for the libraries that are installed. Raises when it is no such state."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    if "numpy" in state:
        import numpy

        name, keys, position, has_gauss, cached = state["numpy"]
        numpy.random.set_state((name, numpy.array(keys, dtype="uint32"), position, has_gauss, cached))
    if "torch" in state:
        import torch

        torch.set_rng_state(_tensor(torch, state["torch"]))
        devices = state.get("cuda", [])
        if devices and torch.cuda.is_available() and torch.cuda.device_count() == len(devices):
            torch.cuda.set_rng_state_all([_tensor(torch, device) for device in devices])
        elif devices:
            sweep._warn("cuda", "the random state of the GPUs is not restored: there are not as many of them now.")


def _text(tensor: Any) -> str:
    return base64.b64encode(bytes(tensor.cpu().tolist())).decode()


def _tensor(torch: Any, text: str) -> Any:
    return torch.tensor(list(base64.b64decode(text)), dtype=torch.uint8)


def save_with_checkpoint(folder: str, config: Optional[Dict[str, Any]]) -> None:
    """Puts the random state and the config beside what a checkpoint has; files that are there already stay."""
    _write(os.path.join(folder, RANDOM_FILE), capture)
    if config is not None:
        from .values import plain

        _write(os.path.join(folder, CONFIG_FILE), lambda: plain(config))


def _write(path: str, content: Any) -> None:
    if os.path.exists(path):
        return
    try:
        text = json.dumps(content(), indent=None if path.endswith(RANDOM_FILE) else 2)
    except Exception as error:
        sweep._warn(f"beside {os.path.basename(path)}", f"{os.path.basename(path)} is not saved: {error}")
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def restore_random_state(checkpoint: Any) -> bool:
    """Goes on with the random numbers of a checkpoint (`sweep.restore()`, or its folder). Call it last before the loop:
    what is drawn before, as for first weights, is then forgotten. False when the checkpoint has no such state.
    """
    if checkpoint is None:
        return False
    folder = getattr(checkpoint, "path", checkpoint)
    path = os.path.join(os.fspath(folder), RANDOM_FILE)
    try:
        with open(path, "rb") as file:
            restore(json.load(file))
        return True
    except FileNotFoundError:
        return False
    except sweep.SweepError:
        raise
    except Exception as error:
        sweep._warn("random state", f"the random state of {path} is not restored: {type(error).__name__}: {error}")
        return False
