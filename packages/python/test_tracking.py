"""Run with `python3 -m unittest` in this folder."""

import argparse
import ast
import subprocess
import sys
import time
import unittest

from testing_sweep import INF, NAN
from testing_tracking import FOLDER, TrackingTest


class Source(unittest.TestCase):
    def test_it_is_python_3_8(self):
        for path in (FOLDER / "sweep_tracking").glob("*.py"):
            with self.subTest(path.name):
                ast.parse(path.read_text(), feature_version=(3, 8))

    def test_the_single_file_works_alone_and_says_what_it_lacks(self):
        code = "import importlib.util as u; s = u.spec_from_file_location('sweep', %r); m = u.module_from_spec(s)\n"
        code += "s.loader.exec_module(m); m.report(1, loss=1)\ntry: m.start_run\nexcept AttributeError as e: print(e)"
        run = subprocess.run(
            [sys.executable, "-I", "-c", code % str(FOLDER / "sweep.py")], stdout=subprocess.PIPE, text=True, check=True
        )
        self.assertIn("needs the folder sweep_tracking beside sweep.py", run.stdout)

    def test_every_name_of_the_tracker_is_at_hand(self):
        code = "import sweep, sweep_tracking\nfor name in sweep_tracking.__all__: getattr(sweep, name)"
        run = subprocess.run([sys.executable, "-c", code], cwd=str(FOLDER), stderr=subprocess.PIPE, text=True)
        self.assertEqual((run.returncode, run.stderr), (0, ""))


class LogTest(TrackingTest):
    def test_everything_that_is_logged_arrives(self):
        sweep = self.load()
        sweep.init(project="p", experiment="e", group="g", tags={"a": 1}, capture=False)
        with sweep.start_run("n", params={"opt": {"lr": 0.1}, "x": [1, 2]}, tags={"b": None, "c": "d"}) as run:
            for step in range(3):
                self.assertFalse(run.log_metrics({"loss": step / 2, "val": {"acc": NAN}}, step, context="train"))
            sweep.log_metric("f1", INF)
            sweep.log_param("seed", 4)
            sweep.set_tag("a", None)
            sweep.set_notes("hm")
        self.assertEqual(self.err.getvalue(), "")
        got = self.only
        self.assertEqual(got["create"]["id"], run.id)
        self.assertEqual({key: got["create"][key] for key in ("project", "experiment", "group", "name")}, dict(
            project="p", experiment="e", group="g", name="n",
        ))  # fmt: skip
        self.assertEqual(got["params"], {"opt.lr": 0.1, "x": [1, 2], "seed": 4})
        self.assertEqual(got["tags"], {"c": "d"})
        first, *_, last = got["points"]
        self.assertEqual((first["step"], first["context"]), (0, "train"))
        self.assertEqual(first["values"], {"loss": 0.0, "val/acc": "NaN"})
        self.assertLess(abs(first["at"] - time.time() * 1000), 60_000)
        self.assertEqual(last["values"], {"f1": "Infinity"})
        self.assertNotIn("step", last)
        self.assertEqual((got["changes"]["notes"], got["end"]["status"]), ("hm", "completed"))
        self.assertEqual(self.spools(), [])

    def test_logging_without_a_run_starts_one(self):
        sweep = self.load()
        sweep.init(capture=False)
        sweep.log_metric("a", 1, 1)
        sweep.end_run("failed", message="why")
        self.assertEqual((self.only["end"]["status"], self.only["end"]["message"]), ("failed", "why"))
        self.assertIsNone(sweep.active_run())

    def test_runs_nest(self):
        sweep = self.load()
        sweep.init(capture=False)
        with sweep.start_run("outer") as outer:
            with sweep.start_run("inner", nested=True) as inner:
                sweep.log_param("of", "inner")
            sweep.log_param("of", "outer")
        self.assertEqual(self.run_of(inner.id)["create"]["parentRunId"], outer.id)
        self.assertEqual(self.run_of(inner.id)["params"], {"of": "inner"})
        self.assertEqual(self.run_of(outer.id)["params"], {"of": "outer"})

    def test_a_block_that_raises_is_a_failure_and_one_that_is_interrupted_is_killed(self):
        sweep = self.load()
        sweep.init(capture=False)
        for error, status in (
            (ValueError("a"), "failed"),
            (KeyboardInterrupt(), "killed"),
            (SystemExit(0), "completed"),
        ):
            with self.subTest(status), self.assertRaises(type(error)):
                with sweep.start_run() as run:
                    raise error
            self.assertEqual(self.run_of(run.id)["end"]["status"], status)

    def test_reports_of_a_program_by_hand_go_to_its_run_as_well(self):
        sweep = self.load()
        with sweep.start_run(capture=False):
            sweep.report(4, loss=0.5)
        sweep.report(5, loss=0.6)
        self.assertEqual([(p["step"], p["values"]) for p in self.only["points"]], [(4, {"loss": 0.5})])
        self.assertIn("loss=0.5", self.out.getvalue())

    def test_what_is_logged_to_a_run_that_is_over_is_left_out(self):
        (self.dir / "f").write_text("x")
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            pass
        run.log_metric("a", 1)
        run.log_param("a", 1)
        run.log_artifact("f")
        run.end("failed")
        self.assertEqual((self.only["points"], self.only["files"], self.only["end"]["status"]), ([], {}, "completed"))
        self.assertEqual((self.spools(), self.err.getvalue().count("is over")), ([], 1))

    def test_only_rank_0_logs(self):
        sweep = self.load(RANK=1)
        with sweep.start_run() as run:
            run.log_metrics({"a": 1}, 1)
            run.log_artifact(__file__)
            run.log_model({"w": 1})
        self.assertEqual((self.server.runs, self.spools(), self.err.getvalue()), ({}, [], ""))

    def test_a_run_can_be_taken_up_again(self):
        sweep = self.load()
        with sweep.start_run(capture=False) as first:
            first.log_metric("a", 1, 1)
        with sweep.start_run(resume=first.id, capture=False) as again:
            again.log_metric("a", 2, 2)
        self.assertEqual(self.steps(self.only), [1, 2])
        self.assertEqual(self.only["changes"]["status"], "running")

    def test_params_come_from_what_programs_have(self):
        import dataclasses
        import enum

        class Colour(enum.Enum):
            RED = 1

        @dataclasses.dataclass
        class Config:
            lr: float = 0.1
            deep: dict = dataclasses.field(default_factory=lambda: {"a.b": {"c": (1, NAN)}, "empty": {}})
            colour: Colour = Colour.RED

        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_params(Config())
            run.log_params(argparse.Namespace(x=None, big=2**70, path=FOLDER))
        wanted = {"lr": 0.1, "deep.a.b.c": [1, "NaN"], "deep.empty": {}, "colour": "Colour.RED"}
        self.assertEqual(self.only["params"], {**wanted, "x": None, "big": str(2**70), "path": str(FOLDER)})

    def test_a_param_with_another_value_is_said_and_the_others_are_kept(self):
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_params({"a": 1})
            run.log_params({"a": 2, "b": 3})
            run.log_params({"c": 1})
            run.log_params({"c": 2}, overwrite=True)
        self.assertEqual(self.only["params"], {"a": 1, "b": 3, "c": 2})
        self.assertIn("overwrite=True", self.err.getvalue())

    def test_nonsense_costs_a_warning_and_no_more(self):
        sweep = self.load()
        loop = {}
        loop["self"] = loop

        class Rude:
            def __str__(self):
                raise RuntimeError("no")

        with sweep.start_run(capture=False) as run:
            for thing in (None, 1, "text", object(), Rude(), loop, {"": 1}, {"a" * 300: 1}, {1: Rude()}):
                run.log_params(thing)
                run.log_metrics(thing)
                run.log_metrics({"x": thing})
                run.log_metric("x", 1, thing)
                run.log_param("p", thing)
                run.set_tags(thing)
                run.set_tag("k", thing)
                run.log_artifact(thing)
                run.log_artifact(__file__, thing)
                run.log_figure(thing)
                run.log_model(thing)
                run.log_metric("x", 1, context=thing)
                sweep.start_run(thing, params=thing, capture=False).end(thing)
            run.log_metric("\ud800", 1)
            run.log_metric("a/../b", 1)
            run.log_metric("nul\0", 1)
            run.log_metric("__proto__", 1)
            run.set_tag("__proto__", 1)
            run.log_metric("é" * 200, 1)
            run.log_metric("step", 1, 2**60)
            run.log_params({"__proto__": 1, "\ud800": "\ud800", "long": "x" * 100_000})
            run.log_metric("good 'name' \"🙂\"", 1, 7)
        got = self.run_of(run.id)
        self.assertIn({"good 'name' \"🙂\"": 1}, [point["values"] for point in got["points"]])
        names = {name for point in got["points"] for name in point["values"]}
        self.assertTrue(all(len(name.encode()) <= 250 and ".." not in name for name in names), names)
        self.assertNotIn("__proto__", {*got["params"], *got["tags"], *names})
        self.assertNotIn("long", got["params"])
        self.assertLess(self.err.getvalue().count("\n"), 25)

    def test_strict_makes_warnings_errors(self):
        sweep = self.load(SWEEP_STRICT=1)
        run = sweep.start_run(capture=False)
        for wrong in (lambda: run.log_params(3), lambda: run.log_artifact("none"), lambda: run.set_tag("", 1)):
            with self.assertRaises(sweep.SweepError):
                wrong()
