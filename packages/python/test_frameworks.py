"""Tiny trainings with the real libraries; each is skipped where its library is missing. Run with
`python3 -m unittest test_frameworks` in this folder, where torch, lightning, transformers and keras are installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
import unittest

from testing_tracking import FOLDER, TrackingTest


def needs(*names):
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"without {', '.join(missing)} (python3 -m pip install {' '.join(missing)})")


class FrameworkTest(TrackingTest):
    def load(self, **env):
        sweep = super().load(**env)
        # What the libraries print is not ours.
        os.environ.update(KERAS_BACKEND=os.environ.get("KERAS_BACKEND", "torch"), CUDA_VISIBLE_DEVICES="")
        return sweep

    def control(self, **values):
        path = self.dir / "run" / "control.json"
        path.write_text(json.dumps({"stop": None, "save": False, **values}))

    def lines(self):
        return [json.loads(line) for line in (self.dir / "run" / "metrics.jsonl").read_text().splitlines()]

    def values(self, run):
        return [(point["step"], point["values"]) for point in run["points"]]


@needs("torch", "numpy")
class TorchTest(FrameworkTest):
    def draw(self):
        import random

        import numpy
        import torch

        return [random.random(), float(numpy.random.rand()), torch.rand(3).tolist()]

    def test_a_seed_gives_the_same_numbers_and_others_for_each_part(self):
        sweep = self.load()
        seeds = sweep.seed_everything(7, deterministic=True)
        first = self.draw()
        sweep.seed_everything(7)
        self.assertEqual(self.draw(), first)
        with seeds.use("model"):
            model = self.draw()
        with seeds.use("data"):
            self.assertNotEqual(self.draw(), model)
        with seeds.use("model"):
            self.assertEqual(self.draw(), model)
        import torch

        self.assertTrue(torch.are_deterministic_algorithms_enabled())
        self.assertEqual(seeds.torch_generator("data").initial_seed(), seeds.data)

    def test_a_checkpoint_brings_the_random_state_back(self):
        sweep = self.trial()
        sweep.params(lr=0.1)
        sweep.seed_everything(3)
        self.draw()
        with sweep.checkpoint(1) as path:
            (path / "state").write_text("x")
        after = self.draw()
        sweep.seed_everything(4)
        checkpoint = sweep.restore()
        self.assertTrue(sweep.restore_random_state(checkpoint))
        self.assertEqual(self.draw(), after)
        self.assertEqual(json.loads((checkpoint.path / "sweep_config.json").read_text()), {"lr": 0.1})

    def test_a_model_is_what_it_was(self):
        import torch

        sweep = self.load()
        net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).to(torch.bfloat16)
        net.empty = torch.nn.Parameter(torch.zeros(0, 4))
        optimizer = torch.optim.Adam(net.parameters())
        with sweep.start_run(capture=False) as run:
            run.log_model(net, "net")
            run.log_model(optimizer, "optimizer")
            run.log_model({"w": torch.arange(6).reshape(2, 3).T}, "turned")
        files = {path: versions[0]["bytes"] for path, versions in self.only["files"].items()}
        (self.dir / "m.safetensors").write_bytes(files["models/net/model.safetensors"])
        (self.dir / "t.safetensors").write_bytes(files["models/turned/model.safetensors"])
        self.assertIn("param_groups", files["models/optimizer/state.json"].decode())
        if importlib.util.find_spec("safetensors") is None:
            self.skipTest("without safetensors (python3 -m pip install safetensors), which reads what was written")
        from safetensors.torch import load_file

        loaded = load_file("m.safetensors")
        for name, tensor in net.state_dict().items():
            self.assertTrue(torch.equal(loaded[name], tensor), name)
        self.assertEqual(load_file("t.safetensors")["w"].tolist(), [[0, 3], [1, 4], [2, 5]])

    def test_metrics_may_be_tensors(self):
        import numpy
        import torch

        sweep = self.load()
        with sweep.start_run(capture=False, params={"t": torch.tensor([1.5]), "n": numpy.float32(2)}) as run:
            run.log_metrics({"t": torch.tensor(1.5), "n": numpy.float64(2), "i": numpy.int64(3)}, torch.tensor(4))
        self.assertEqual(self.values(self.only), [(4, {"t": 1.5, "n": 2.0, "i": 3})])
        self.assertEqual(self.only["params"], {"t": [1.5], "n": 2.0})


@needs("matplotlib")
class FigureTest(FrameworkTest):
    def test_figures_and_axes_become_images(self):
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot

        sweep = self.load()
        figure, axes = pyplot.subplots()
        axes.plot([1, 2])
        with sweep.start_run(capture=False) as run:
            run.log_figure(figure, "a.png")
            run.log_figure(axes, "b.svg")
        files = self.only["files"]
        self.assertEqual(files["a.png"][0]["bytes"][:4], b"\x89PNG")
        self.assertIn(b"<svg", files["b.svg"][0]["bytes"])


@needs("torch", "lightning")
class LightningTest(FrameworkTest):
    def fit(self, sweep, epochs=4, ckpt_path=None, **options):
        import lightning.pytorch as pl
        import torch

        class Model(pl.LightningModule):
            def __init__(self, lr=0.1):
                super().__init__()
                self.save_hyperparameters()
                self.layer = torch.nn.Linear(2, 1)

            def training_step(self, batch, _):
                loss = self.layer(batch[0]).pow(2).mean()
                self.log("train_loss", loss)
                return loss

            def validation_step(self, batch, _):
                self.log("val_loss", self.layer(batch[0]).pow(2).mean())

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2)), batch_size=2)
        callback = sweep.lightning.Callback(**options)
        trainer = pl.Trainer(
            max_epochs=epochs, callbacks=[callback], logger=False, enable_checkpointing=False, accelerator="cpu",
            enable_progress_bar=False, enable_model_summary=False, check_val_every_n_epoch=2,
        )  # fmt: skip
        trainer.fit(Model(), data, data, ckpt_path=ckpt_path)
        return trainer

    def test_by_hand_a_run_gets_what_is_logged_once_an_epoch(self):
        sweep = self.load()
        with sweep.start_run(capture=False):
            self.fit(sweep)
        values = self.values(self.only)
        self.assertEqual([step for step, _ in values], [1, 2, 3, 4])
        # Validation is every second epoch, and its last values are no news in between.
        self.assertEqual(["val_loss" in metrics for _, metrics in values], [False, True, False, True])
        self.assertEqual(self.only["params"], {"lr": 0.1})

    def test_in_a_trial_it_stops_and_saves_and_goes_on(self):
        sweep = self.trial()
        self.control(stop="paused")
        trainer = self.fit(sweep, epochs=9)
        self.assertEqual([line["step"] for line in self.lines()], [1])
        self.assertTrue(trainer.should_stop)
        (self.dir / "run" / "control.json").unlink()
        sweep = self.trial()
        path = sweep.lightning.last_checkpoint()
        self.assertTrue(path.endswith("checkpoints/1/lightning.ckpt"), path)
        self.fit(sweep, epochs=3, ckpt_path=path, every_n_epochs=1)
        self.assertEqual([line["step"] for line in self.lines()], [1, 2, 3])
        self.assertTrue((self.dir / "run" / "checkpoints" / "3" / "sweep_random_state.json").exists())


@needs("torch", "transformers", "accelerate")
class TrainerTest(FrameworkTest):
    def train(self, sweep, steps=4, resume=None):
        import torch
        from transformers import Trainer, TrainingArguments
        from transformers.utils import logging

        logging.set_verbosity_error()

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(2, 1)

            def forward(self, x, labels=None):
                out = self.layer(x)
                return {"loss": out.pow(2).mean(), "logits": out}

        data = [{"x": torch.ones(2), "labels": torch.zeros(1)} for _ in range(4)]
        args = TrainingArguments(
            output_dir=str(self.dir / "out"), max_steps=steps, per_device_train_batch_size=2, logging_steps=1,
            eval_strategy="steps", eval_steps=2, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(
            model=Net(), args=args, train_dataset=data, eval_dataset=data, callbacks=[sweep.hf.Callback()]
        )
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    def test_by_hand_a_run_gets_what_the_trainer_logs(self):
        sweep = self.load()
        with sweep.start_run(capture=False):
            self.train(sweep)
        names = {}
        for step, metrics in self.values(self.only):
            for name in metrics:
                names.setdefault(name, []).append(step)
        self.assertEqual(names["train/loss"][:4], [1, 2, 3, 4])
        self.assertEqual(names["eval/loss"], [2, 4])
        self.assertEqual(self.only["params"]["trainer.max_steps"], 4)

    def test_in_a_trial_it_stops_and_saves_and_goes_on(self):
        sweep = self.trial()
        self.control(stop="paused")
        trainer = self.train(sweep, steps=50)
        self.assertLess(trainer.state.global_step, 4)
        (self.dir / "run" / "control.json").unlink()
        sweep = self.trial()
        path = sweep.hf.last_checkpoint()
        self.assertIsNotNone(path, self.err.getvalue())
        trainer = self.train(sweep, steps=5, resume=path)
        self.assertEqual(trainer.state.global_step, 5)
        self.assertEqual(max(line["step"] for line in self.lines()), 5)

    def test_several_ranks_stop_at_the_same_step(self):
        code = """
import os, sys, torch, sweep
from transformers import Trainer, TrainerCallback, TrainingArguments

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels=None):
        out = self.layer(x)
        return {"loss": out.pow(2).mean(), "logits": out}

if os.environ["RANK"] != "0":
    sweep.stopping = sweep.Decision  # it never looks at the right time

class Stopper(TrainerCallback):
    def on_step_begin(self, args, state, control, **_):
        if state.global_step == 3 and args.process_index == 0:
            open("run/control.new", "w").write('{"stop": "pruned", "save": false}')
            os.replace("run/control.new", "run/control.json")

data = [{"x": torch.ones(2), "labels": torch.zeros(1)} for _ in range(64)]
args = TrainingArguments(output_dir="out", max_steps=500, per_device_train_batch_size=2, logging_steps=1,
    save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, ddp_backend="gloo")
trainer = Trainer(model=Net(), args=args, train_dataset=data, callbacks=[Stopper(), sweep.hf.Callback()])
trainer.train()
open(f"steps-{args.process_index}", "w").write(f"{args.world_size} {trainer.state.global_step}")
"""
        (self.dir / "train.py").write_text(code)
        self.trial()
        (self.dir / "run").mkdir(exist_ok=True)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "train.py"]
        env = {**os.environ, "PYTHONPATH": str(FOLDER), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            torchrun, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        steps = [(self.dir / f"steps-{rank}").read_text() for rank in (0, 1)]
        self.assertEqual(steps[0], steps[1])
        self.assertTrue(steps[0].startswith("2 ") and int(steps[0][2:]) < 20, steps)


@needs("keras", "torch", "numpy")
class KerasTest(FrameworkTest):
    def fit(self, sweep, epochs, initial=0, model=None, **options):
        import keras
        import numpy

        if model is None:
            model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(0.05), "mse")
        x, y = numpy.ones((4, 2)), numpy.zeros((4, 1))
        callback = sweep.keras.Callback(**options)
        model.fit(
            x, y, epochs=epochs, initial_epoch=initial, validation_data=(x, y), callbacks=[callback], verbose=0
        )  # fmt: skip
        return model

    def test_by_hand_a_run_gets_the_logs_of_each_epoch(self):
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            model = self.fit(sweep, 3)
            run.log_model(model)
        self.assertEqual([step for step, _ in self.values(self.only)], [1, 2, 3])
        self.assertEqual(set(self.values(self.only)[0][1]), {"loss", "val_loss"})
        self.assertAlmostEqual(self.only["params"]["optimizer.learning_rate"], 0.05, places=6)
        self.assertEqual(list(self.only["files"]), ["models/model/model.keras"])

    def test_in_a_trial_it_stops_and_saves_and_goes_on(self):
        sweep = self.trial()
        self.control(stop="paused")
        self.fit(sweep, 9)
        self.assertEqual([line["step"] for line in self.lines()], [1])
        (self.dir / "run" / "control.json").unlink()
        sweep = self.trial()
        path, done = sweep.keras.last_checkpoint()
        import keras

        self.fit(sweep, 3, initial=done, model=keras.models.load_model(path))
        self.assertEqual([line["step"] for line in self.lines()], [1, 2, 3])


if __name__ == "__main__":
    sys.exit(unittest.main())
