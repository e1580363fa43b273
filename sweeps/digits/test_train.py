"""Run with `python3 -m unittest` in this folder."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SDK = HERE.parent.parent / "packages" / "python"

try:
    import numpy
except ImportError:
    numpy = None

BACKENDS = ["lists", "numpy"] if numpy else ["lists"]
OPTIMIZERS = [{"optimizer": "sgd", "lr": 0.1, "momentum": 0.8}, {"optimizer": "adam", "lr": 0.01, "beta2": 0.99}]


class TrainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)

    def train(self, run, *, pause=False, restore=None, **params):
        """Runs one attempt to its end, or asks it to pause from its first report on; returns its lines."""
        run_dir = self.dir / run
        run_dir.mkdir()
        (run_dir / "params.json").write_text(json.dumps({"hidden": 8, "batch_size": 64, **params}))
        env = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        env.update(PYTHONPATH=str(SDK), SWEEP_RUN_DIR=str(run_dir), SWEEP_SEED="5", SWEEP_STRICT="1")
        env["OPENBLAS_NUM_THREADS"] = "1"
        if restore:
            env["SWEEP_RESTORE"] = str(restore)
        if pause:
            (run_dir / "control.json").write_text(json.dumps({"stop": "paused", "save": False, "reason": "test"}))
        subprocess.run([sys.executable, str(HERE / "train.py")], env=env, check=True, timeout=120)
        return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]

    def test_a_resumed_training_goes_on_bit_for_bit(self):
        for backend in BACKENDS:
            for number, params in enumerate(OPTIMIZERS):
                with self.subTest(backend=backend, **params):
                    name = f"{backend}{number}"
                    whole = self.train(f"whole-{name}", epochs=2, backend=backend, **params)
                    first = self.train(f"first-{name}", epochs=2, backend=backend, pause=True, **params)
                    rest = self.train(
                        f"rest-{name}", epochs=2, backend=backend,
                        restore=self.dir / f"first-{name}" / "checkpoints" / "1", **params,
                    )  # fmt: skip
                    self.assertEqual([line["step"] for line in first], [1])
                    self.assertEqual(first + rest, whole)

    @unittest.skipUnless(numpy, "needs numpy")
    def test_both_backends_train_the_same_network(self):
        for number, params in enumerate(OPTIMIZERS):
            lists = self.train(f"lists-{number}", epochs=1, backend="lists", **params)
            arrays = self.train(f"numpy-{number}", epochs=1, backend="numpy", **params)
            for a, b in zip(lists, arrays):
                self.assertAlmostEqual(a["val_loss"], b["val_loss"], places=9)
                self.assertEqual(a["val_accuracy"], b["val_accuracy"])

    def test_it_learns(self):
        lines = self.train("run", epochs=3, optimizer="sgd", lr=0.05, hidden=32, batch_size=32)
        self.assertGreater(lines[-1]["val_accuracy"], 0.9)
        self.assertLess(lines[-1]["val_loss"], lines[0]["val_loss"])

    def test_a_config_that_diverges_reports_it_and_ends_well(self):
        for backend in BACKENDS:
            lines = self.train(f"run-{backend}", epochs=1, optimizer="sgd", lr=1e200, momentum=0.9, backend=backend)
            self.assertEqual([line["val_loss"] for line in lines], ["NaN"])

    def test_it_runs_by_hand(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        env["PYTHONPATH"] = str(SDK)
        out = subprocess.run(
            [sys.executable, str(HERE / "train.py"), "--lr=0.1", "--epochs=1", "--hidden=16"],
            env=env, cwd=str(self.dir), check=True, timeout=120, stdout=subprocess.PIPE, universal_newlines=True,
        ).stdout  # fmt: skip
        self.assertRegex(out, r"^step=1 val_loss=[\d.]+ val_accuracy=[\d.]+\n$")


if __name__ == "__main__":
    unittest.main()
