"""Seeds, one for each part of a training, all made from one.

The seed of a part is the first four bytes, big-endian, of SHA-256 of `sweep/<seed>/<part>` (UTF-8), without the topmost
bit: 0 to 2^31 - 1, which every library takes. `global` is the seed itself, modulo 2^32. So the same seed gives the same
parts on every machine and in every version, and parts can be held apart: another order of the data (`data`) over the
same first weights (`model`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from typing import Any, Iterator, Optional

import sweep

PARTS = ("data", "model", "train")


def component_seed(seed: int, part: str) -> int:
    """The seed of one part, 0 to 2^31 - 1. `part` is data, model, train, or any name of the program's own."""
    digest = hashlib.sha256(f"sweep/{int(seed)}/{part}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


class Seeds:
    """The seeds of a run: `global_`, `data`, `model`, `train`, and `of(name)` for parts of the program's own."""

    def __init__(self, seed: int) -> None:
        self.seed = int(seed)
        self.global_ = self.seed % 2**32
        self.data = component_seed(self.seed, "data")
        self.model = component_seed(self.seed, "model")
        self.train = component_seed(self.seed, "train")

    def __repr__(self) -> str:
        return f"Seeds(global_={self.global_}, data={self.data}, model={self.model}, train={self.train})"

    def of(self, part: str) -> int:
        return self.global_ if part == "global" else component_seed(self.seed, part)

    def as_dict(self) -> "dict[str, int]":
        return {"global": self.global_, "data": self.data, "model": self.model, "train": self.train}

    def use(self, part: str) -> "_Using":
        """`with seeds.use("model"): net = Net()` draws with that part's seed, and leaves the random state as it was."""
        return _Using(self.of(part))

    def torch_generator(self, part: str) -> Any:
        """A torch.Generator of that part, such as for a DataLoader: `generator=seeds.torch_generator("data")`."""
        import torch

        return torch.Generator().manual_seed(self.of(part))


class _Using:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._before: Any = None

    def __enter__(self) -> int:
        from .random_state import capture

        self._before = capture()
        _seed_libraries(self._seed)
        return self._seed

    def __exit__(self, *_: Any) -> None:
        from .random_state import restore

        restore(self._before)


def seed_everything(seed: Optional[int] = None, *, deterministic: bool = False) -> Seeds:
    """Seeds Python, and numpy, torch and TensorFlow where they are installed.

    @param seed any whole number; that of the trial when absent (SWEEP_SEED), 0 by hand
    @param deterministic also makes torch and TensorFlow choose algorithms that give the same each time, at the cost of
                         speed; see `set_deterministic`
    """
    given = sweep._whole(sweep.info.seed if seed is None else seed)
    seeds = Seeds(0 if given is None else given)
    try:
        # For processes that are started from here; our own hashes were seeded at its start.
        os.environ["PYTHONHASHSEED"] = str(seeds.global_)
        if deterministic:
            set_deterministic()
        _seed_libraries(seeds.global_)
        global current
        current = seeds
    except sweep.SweepError:
        raise
    except Exception as error:
        sweep._warn("seed", f"not everything is seeded: {type(error).__name__}: {error}")
    return seeds


#: Of the last `seed_everything`.
current: Optional[Seeds] = None


def _installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _seed_libraries(seed: int) -> None:
    import random

    random.seed(seed)
    if _installed("numpy"):
        import numpy

        numpy.random.seed(seed % 2**32)
    if _installed("torch"):
        import torch

        torch.manual_seed(seed)  # all devices
    tensorflow = sys.modules.get("tensorflow")  # importing it only to seed it takes seconds, and it prints a page
    if tensorflow is not None:
        tensorflow.random.set_seed(seed)
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "utils"):
        keras.utils.set_random_seed(seed)


def seed_worker(worker: int) -> None:
    """`worker_init_fn` of a torch DataLoader: its workers' `random` and `numpy` follow torch's seed, which differs by
    worker and epoch.
    """
    import random

    import torch

    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    if _installed("numpy"):
        import numpy

        numpy.random.seed(seed)


def set_deterministic() -> None:
    """The switches that make runs repeat: cuBLAS' workspace, cuDNN without its own choice, torch's deterministic
    algorithms (where it has none, it warns), TensorFlow's op determinism. Call it before the first use of a GPU.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    if _installed("torch"):
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.config.experimental.enable_op_determinism()


def each(seeds: Seeds) -> Iterator["tuple[str, int]"]:
    """Names and seeds, for the record."""
    return iter(seeds.as_dict().items())
