"""What the tests of sweep.py and of tracking share: a clean place to be in, and the module anew for each test."""

import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SOURCE = Path(__file__).resolve().with_name("sweep.py")
NAN, INF = float("nan"), float("inf")


class CleanTest(unittest.TestCase):
    """Each test has an empty folder to be in, no variables of ours, and what it prints in `out` and `err`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name).resolve()
        before = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, before)
        ours = ("SWEEP_", "PARAM_", "SLURM_", "OMPI_", "PMI_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        for name in ("RANK", "LOCAL_RANK", "PYTHONPATH"):
            clean.pop(name, None)
        env = mock.patch.dict(os.environ, clean, clear=True)
        env.start()
        self.addCleanup(env.stop)
        self.err, self.out = io.StringIO(), io.StringIO()
        for redirect in (contextlib.redirect_stderr(self.err), contextlib.redirect_stdout(self.out)):
            redirect.__enter__()
            self.addCleanup(redirect.__exit__, None, None, None)


class Scalar:
    """As tensors and numpy scalars look from outside."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class SweepTest(CleanTest):
    """Each test gets a module that has seen nothing yet."""

    def load(self, argv=(), **env):
        os.environ.update({name: str(value) for name, value in env.items()})
        argv_patch = mock.patch.object(sys, "argv", ["train.py", *argv])
        argv_patch.start()
        self.addCleanup(argv_patch.stop)
        spec = importlib.util.spec_from_file_location("sweep", SOURCE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def close():
            if module._run and module._run.fd >= 0:
                os.close(module._run.fd)

        self.addCleanup(close)
        return module

    def trial(self, params=None, argv=(), **env):
        """A module inside a trial whose run folder is `self.dir / "run"`."""
        run = self.dir / "run"
        run.mkdir(exist_ok=True)
        if params is not None:
            (run / "params.json").write_text(json.dumps(params))
            env.setdefault("SWEEP_PARAMS", run / "params.json")
        return self.load(argv, SWEEP_RUN_DIR=run, SWEEP_METRICS=run / "metrics.jsonl", **env)

    def control(self, **values):
        path = self.dir / "run" / "control.json"
        path.with_suffix(".new").write_text(json.dumps({"stop": None, "save": False, "reason": "", **values}))
        path.with_suffix(".new").replace(path)

    def lines(self):
        return [json.loads(line) for line in (self.dir / "run" / "metrics.jsonl").read_text().splitlines()]
