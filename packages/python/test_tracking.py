"""Run with `python3 -m unittest` in this folder."""

import argparse
import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from unittest import mock

from testing_tracking import FOLDER, FakeServer, TrackingTest

NAN, INF = float("nan"), float("inf")


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


class FilesTest(TrackingTest):
    def test_files_go_as_they_were_when_they_were_logged(self):
        sweep = self.load()
        (self.dir / "a.txt").write_text("one")
        self.server.is_down = True
        with sweep.start_run(capture=False) as run:
            run.log_artifact("a.txt", type="text", metadata={"n": NAN}, aliases=["best"])
            (self.dir / "a.txt").write_text("two")
            run.log_artifact(self.dir / "a.txt")
            (self.dir / "a.txt").unlink()
            self.server.is_down = False
        versions = self.only["files"]["a.txt"]
        self.assertEqual([version["bytes"] for version in versions], [b"one", b"two"])
        self.assertEqual((versions[0]["type"], versions[0]["metadata"]), ("text", {"n": "NaN"}))
        self.assertEqual(versions[0]["aliases"], ["best"])
        self.assertEqual(self.spools(), [])

    def test_a_folder_goes_file_by_file(self):
        folder = self.dir / "out"
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "b 'ü' 🙂.bin").write_bytes(b"\0\1")
        (folder / "empty").write_bytes(b"")
        os.symlink(folder, folder / "deep" / "circle")
        os.mkfifo(folder / "pipe")
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_artifact(folder, "data")
        files = {path: versions[-1]["bytes"] for path, versions in self.only["files"].items()}
        self.assertEqual(files, {"data/deep/b 'ü' 🙂.bin": b"\0\1", "data/empty": b""})

    def test_a_name_that_leads_out_is_refused(self):
        (self.dir / "a").write_text("x")
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            for name in ("../a", "/etc/passwd", "a/../../b", "..\\a", "", "x" * 2000):
                run.log_artifact("a", name)
        self.assertEqual(self.only["files"], {})

    def test_without_room_for_a_copy_a_file_goes_from_where_it_is(self):
        (self.dir / "a").write_text("x")
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            full = OSError(28, "No space left on device")
            with mock.patch("shutil.copyfile", side_effect=full):
                run.log_artifact("a")
        self.assertEqual(self.only["files"]["a"][0]["bytes"], b"x")
        self.assertIn("from where it is", self.err.getvalue())

    def test_models_are_saved_without_pickle(self):
        class Array:
            dtype, shape, nbytes = "float32", (2,), 8

            def tobytes(self):
                return b"\0\0\x80?\0\0\0@"

        class Net:
            def state_dict(self):
                return {"layer": {"w": Array(), "b": Array()}, "steps": 3}

        class Pretrained:
            def save_pretrained(self, folder):
                open(os.path.join(folder, "config.json"), "w").close()

        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_model(Net(), "net", step=4, aliases="best")
            run.log_model(Pretrained(), "pre")
            run.log_model(object(), "own", saver=lambda model, folder: open(folder + "/x.json", "w").close())
            run.log_model(object(), "none")
        self.assertIn("give a saver=", self.err.getvalue())
        files = self.only["files"]
        self.assertEqual(sorted(files), [
            "models/net/model.safetensors", "models/net/state.json", "models/own/x.json", "models/pre/config.json",
        ])  # fmt: skip
        version = files["models/net/model.safetensors"][0]
        self.assertEqual((version["type"], version["aliases"], version["metadata"]["step"]), ("model", ["best"], 4))
        (self.dir / "m").write_bytes(version["bytes"])
        from sweep_tracking.safetensors import load_tensors

        self.assertEqual(load_tensors("m")["layer.w"], ("F32", (2,), Array().tobytes()))
        self.assertEqual(json.loads(files["models/net/state.json"][0]["bytes"]), {"steps": 3})

    def test_a_model_is_registered_once_its_files_are_there_also_after_an_outage(self):
        def save(model, folder):
            open(os.path.join(folder, "w"), "w").close()

        sweep = self.load()
        self.server.is_down = True
        run = sweep.start_run(capture=False)
        run.log_model(object(), "net", saver=save, registered_model_name="digits")
        run.log_model(object(), "other", saver=save)
        run.log_model(object(), "bad", saver=save, registered_model_name="a/b")
        self.server.is_down = False
        self.server.lost_replies = 2
        self.assertTrue(run.flush(20))
        run.end()
        self.assertEqual(self.only["models"], [{"name": "digits", "path": "models/net"}])
        self.assertEqual(sorted(self.only["files"]), ["models/bad/w", "models/net/w", "models/other/w"])
        paths = [path for method, path in self.server.requests if method == "POST" and path.endswith("/models")]
        self.assertGreaterEqual(len(paths), 2)
        self.assertIn("must not hold any of", self.err.getvalue())

    def test_a_model_whose_files_did_not_arrive_is_left_out_and_holds_up_nothing(self):
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_param("a", 1)
            run.flush(20)
            run._log("model", {"name": "m", "path": "models/none"}, place="files")
            run.log_model(object(), "net", saver=lambda _, folder: open(folder + "/w", "w").close())
        self.assertIn("models/none was not registered as m", self.err.getvalue())
        self.assertEqual(list(self.only["files"]), ["models/net/w"])

    def test_figures_become_files(self):
        class Figure:
            def savefig(self, path, **_):
                with open(path, "wb") as file:
                    file.write(b"png")

        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            run.log_figure(Figure(), "plots/loss", step=1)
            run.log_figure(b"bytes", "b.svg")
            run.log_figure(3)
        files = {path: (versions[0]["bytes"], versions[0]["type"]) for path, versions in self.only["files"].items()}
        self.assertEqual(files, {"plots/loss.png": (b"png", "plot"), "b.svg": (b"bytes", "plot")})


class OutageTest(TrackingTest):
    def test_nothing_is_lost_through_an_outage_or_doubled_by_lost_replies(self):
        sweep = self.load()
        run = sweep.start_run(capture=False)
        for step in range(300):
            self.server.is_down = step % 100 > 60
            if step % 10 == 0:
                with self.server.lock:
                    self.server.lost_replies = 1
                time.sleep(0.01)
            run.log_metric("a", step, step)
        self.server.is_down = False
        run.end(timeout=10)
        self.assertEqual(self.steps(self.only), list(range(300)))
        self.assertEqual(self.spools(), [])

    def test_a_server_that_is_away_does_not_hold_anything_up(self):
        self.server.is_down = True
        sweep = self.load(SWEEP_EXIT_WAIT="0.2")
        begin = time.monotonic()
        run = sweep.start_run(capture=False)
        run.log_metric("a", 1, 1)
        self.assertLess(time.monotonic() - begin, 1)
        run.end()
        self.assertLess(time.monotonic() - begin, 3)
        self.assertIn("the next run here sends what is in", self.err.getvalue())
        self.assertEqual(len(self.spools()), 1)

    def test_what_a_killed_program_left_is_sent_by_the_next(self):
        self.server.is_down = True
        code = "import os, signal, sweep\nrun = sweep.start_run(capture=False)\n"
        code += "for i in range(1000): run.log_metrics({'a': i}, i)\nos.kill(os.getpid(), signal.SIGKILL)"
        self.assertEqual(self.python(code).wait(20), -signal.SIGKILL)
        self.assertEqual(len(self.spools()), 1)
        self.server.is_down = False
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            self.wait_for(lambda: len(self.server.runs) == 2 and len(self.spools()) == 1)
        (left,) = [got for run_id, got in self.server.runs.items() if run_id != run.id]
        self.assertEqual(self.steps(left), list(range(1000)))
        self.assertIsNone(left["end"])

    def test_a_program_that_is_killed_while_it_sends_loses_and_doubles_nothing(self):
        code = "import sweep, sweep_tracking.sender as s, time, sys\ns.FLUSH_S = 0.001; s.BATCH_VALUES = 7\n"
        code += "run = sweep.start_run(capture=False); print(run.id, flush=True)\n"
        code += "for i in range(100_000): run.log_metrics({'a': i}, i); print(i, flush=True); time.sleep(0.0005)"
        logged = {}
        for kill_after in (0.05, 0.1, 0.15, 0.2, 0.25):
            process = self.python(code)
            run_id = process.stdout.readline().strip()
            self.wait_for(lambda run_id=run_id: self.server.runs.get(run_id, {}).get("points"))
            with self.server.lock:
                self.server.lost_replies = 3
            time.sleep(kill_after)  # a kill at any moment must do
            process.kill()
            text, _ = process.communicate()
            logged[run_id] = int(text.rstrip("\n").rpartition("\n")[2])
        self.server.lost_replies = 0
        sync = self.python("import runpy; runpy.run_module('sweep_tracking', run_name='__main__')")
        sync.kill()  # nor does it matter when that is killed
        sync.wait()
        done = self.command("sync")
        self.assertEqual(done.returncode, 0, done.stderr)
        for run_id, last in logged.items():
            steps = self.steps(self.run_of(run_id))
            self.assertEqual(steps, list(range(len(steps))))
            self.assertGreaterEqual(len(steps), last)
        self.assertEqual(self.spools(), [])

    def command(self, *arguments, **env):
        full = {**os.environ, "PYTHONPATH": str(FOLDER), **env}
        start = [sys.executable, "-m", "sweep_tracking", *arguments]
        return subprocess.run(start, env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    def test_without_a_server_a_run_is_kept_until_it_is_sent(self):
        del os.environ["SWEEP_URL"]
        sweep = self.load()
        (self.dir / "f").write_text("file")
        with sweep.start_run(capture=False) as run:
            run.log_metric("a", 1, 1)
            run.log_artifact("f")
        self.assertIn("python3 -m sweep_tracking sync", self.err.getvalue())
        self.assertEqual(self.command("sync").returncode, 1)
        os.rename(self.dir / "home" / "spool", self.dir / "moved")
        for path in (self.dir / "moved").iterdir():
            header = json.loads((path / "run.json").read_text())
            header["owner"] = {"host": "another", "pid": 1, "start": ""}
            (path / "run.json").write_text(json.dumps(header))
        done = self.command("sync", str(self.dir / "moved"), "--url", self.server.url)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual((self.steps(self.only), self.only["end"]["status"]), ([1], "completed"))
        self.assertEqual(self.only["files"]["f"][0]["bytes"], b"file")
        self.assertEqual(list((self.dir / "moved").iterdir()), [])

    def test_an_offline_run_is_not_sent_by_the_next(self):
        sweep = self.load()
        sweep.init(offline=True, capture=False)
        sweep.start_run().end()
        sweep.init(offline=False)
        with sweep.start_run():
            pass
        self.assertEqual((len(self.server.runs), len(self.spools())), (1, 1))

    def test_what_is_for_one_server_goes_to_no_other(self):
        other = FakeServer()
        self.addCleanup(other.close)
        self.server.is_down = True
        code = "import os, sweep\nrun = sweep.start_run(capture=False); run.log_metric('a', 1, 1); os._exit(1)"
        self.python(code).wait(20)
        sweep = self.load(SWEEP_URL=other.url)
        with sweep.start_run(capture=False):
            pass
        self.assertEqual((len(other.runs), len(self.spools())), (1, 1))

    def test_a_program_that_lives_keeps_its_spool(self):
        self.server.is_down = True
        process = self.python("import sweep\nsweep.start_run(capture=False); print(1, flush=True); input()")
        process.stdout.readline()
        self.server.is_down = False
        self.assertEqual(self.command("sync").stdout, "")

    @unittest.skipUnless(
        shutil.which("unshare") and os.geteuid() == 0, "needs root and unshare (apt-get install util-linux)"
    )
    def test_a_program_in_another_pid_namespace_keeps_its_spool(self):
        self.server.is_down = True
        code = "import sweep\nsweep.start_run(capture=False); print(1, flush=True); input()"
        full = {**os.environ, "PYTHONPATH": str(FOLDER)}
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        start = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", code]
        with subprocess.Popen(start, env=full, text=True, **pipes) as process:
            self.addCleanup(process.kill)
            if process.stdout.readline() != "1\n":
                self.skipTest("may not make a namespace here")
            self.server.is_down = False
            self.assertEqual(self.command("sync").stdout, "")
            process.kill()

    def test_a_token_that_is_refused_keeps_everything(self):
        self.server.tokens = {"right"}
        sweep = self.load(SWEEP_TOKEN="wrong", SWEEP_EXIT_WAIT="0.1")
        with sweep.start_run(capture=False) as run:
            run.log_metric("a", 1, 1)
        self.assertIn("does not let this program in", self.err.getvalue())
        done = self.command("sync", SWEEP_TOKEN="right")
        self.assertEqual((done.returncode, self.steps(self.only), self.spools()), (0, [1], []))

    def test_a_server_that_has_lost_the_run_gets_it_whole(self):
        sweep = self.load()
        run = sweep.start_run(capture=False, params={"a": 1})
        run.log_metric("a", 1, 1)
        self.assertTrue(run.flush())
        self.server.runs.clear()
        run.log_metric("a", 2, 2)
        run.end()
        self.assertEqual((self.steps(self.only), self.only["params"]), ([1, 2], {"a": 1}))

    def test_a_server_that_was_set_back_gets_what_it_lost(self):
        sweep = self.load()
        run = sweep.start_run(capture=False)
        for step in range(4):
            run.log_metric("a", step, step)
            self.assertTrue(run.flush())
        got = self.only
        (writer,) = got["writers"]
        self.assertGreaterEqual(got["writers"][writer], 4)
        got["writers"][writer] = 1
        del got["points"][1:]
        run.log_metric("a", 4, 4)
        run.end()
        self.assertEqual(self.steps(got), [0, 1, 2, 3, 4])

    def test_a_proxy_page_is_no_answer(self):
        sweep = self.load(SWEEP_EXIT_WAIT="0.3")
        run = sweep.start_run(capture=False)
        run.flush()
        for answer in ((502, "<html>"), (200, "<html>"), (404, "<html>"), (403, "no")):
            self.server.answer = answer
            run.log_metric("a", 1, 1)
            if answer[0] != 200:
                self.assertFalse(run.flush())
        self.server.answer = None
        run.end(timeout=5)
        self.assertGreaterEqual(len(self.only["points"]), 3)

    def test_what_the_server_will_not_take_is_kept_aside_and_holds_up_nothing(self):
        sweep = self.load()
        run = sweep.start_run(capture=False)
        run.log_metric("a", 0, 0)
        self.assertTrue(run.flush())
        self.server.answer = (400, {"code": "invalid-request", "message": "no such thing"})
        run.log_metric("a", 1, 1)
        self.assertTrue(run.flush())
        run.set_tag("k")
        self.assertTrue(run.flush())
        self.server.answer = None
        run.log_metric("a", 2, 2)
        run.end()
        self.assertEqual((self.steps(self.only), self.only["tags"]), ([0, 2], {}))
        self.assertIn("no such thing. It was left out", self.err.getvalue())
        (name,) = self.spools()
        self.assertTrue(name.startswith(f"rejected-{run.id}-"))
        lines = (self.dir / "home" / "spool" / name / "rejected.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["operation"]["op"] for line in lines], ["points", "tags"])

    def test_a_redirect_is_not_followed(self):
        other = FakeServer()
        self.addCleanup(other.close)
        self.server.answer = (302, f"{other.url}/api/v1/runs")
        sweep = self.load(SWEEP_TOKEN="secret", SWEEP_EXIT_WAIT="0.2")
        with sweep.start_run(capture=False):
            pass
        self.assertEqual(other.requests, [])
        self.assertEqual(len(self.spools()), 1)

    def test_a_long_journal_is_emptied_once_it_is_sent(self):
        sweep = self.load()
        with mock.patch("sweep_tracking.sender._SHORTEN_BYTES", 2000):
            run = sweep.start_run(capture=False)
            (spool,) = run._spools.values()
            for step in range(100):
                run.log_metric("a", step, step)
                if step % 20 == 19:
                    self.wait_for(lambda: spool.size() <= 2000 and spool.is_sent)
            self.assertLess(spool.size(), 2100)
            run.end()
        self.assertEqual(self.steps(self.only), list(range(100)))


class DiskTest(TrackingTest):
    def test_a_full_disk_keeps_lines_in_memory_until_it_has_room(self):
        sweep = self.load()
        run = sweep.start_run(capture=False)
        write = os.write

        def full(fd, data):
            if data.startswith(b'{"op"'):
                write(fd, data[:9])  # what there was room for
                return 9
            return write(fd, data)

        with mock.patch("os.write", full):
            for step in range(10):
                run.log_metric("a", step, step)
        run.end()
        self.assertEqual(self.steps(self.only), list(range(10)))

    @unittest.skipIf(os.name == "nt", "no such folders there")
    def test_without_a_place_for_the_spool_training_goes_on(self):
        (self.dir / "file").write_text("")
        sweep = self.load(SWEEP_SPOOL=self.dir / "file" / "spool")
        with sweep.start_run(capture=False) as run:
            run.log_metric("a", 1, 1)
            run.log_artifact(__file__)
        self.assertIn("nothing of run", self.err.getvalue())

    def test_lines_that_a_crash_of_the_machine_left_half_written_are_passed_over(self):
        self.server.is_down = True
        code = "import os, sweep\nrun = sweep.start_run(capture=False); run.log_metric('a', 1, 1); os._exit(1)"
        self.python(code).wait(20)
        (name,) = self.spools()
        with open(self.dir / "home" / "spool" / name / "journal.jsonl", "ab") as file:
            file.write(b'\0\0\0\n{"op": "unknown", "body": {}}\n[1]\n{"op": "point", "po')
        self.server.is_down = False
        sweep = self.load()
        from sweep_tracking.__main__ import main

        self.assertEqual(main(["sync"]), 1)  # half a line is left
        self.assertEqual(self.steps(self.only), [1])
        del sweep


@unittest.skipUnless(hasattr(os, "fork"), "no fork there")
class ForkTest(TrackingTest):
    def test_a_forked_child_logs_on_its_own_and_its_parent_sends_what_it_left(self):
        code = """
import os, sweep, signal
with sweep.start_run(capture=False) as run:
    run.log_metric("a", 0, 0)
    for child in (1, 2):
        pid = os.fork()
        if pid == 0:
            run.log_metric("a", child, child)
            if child == 2:
                run.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    for child in (1, 2):
        os.wait()
"""
        # Python 3.12 warns of every fork of a program with threads, and ours is one.
        process = self.python(code, PYTHONWARNINGS="ignore::DeprecationWarning")
        _, err = process.communicate(timeout=20)
        self.assertEqual((process.returncode, err), (0, ""))
        self.assertEqual(sorted(self.steps(self.only)), [0, 1, 2])
        self.assertEqual(len(self.only["writers"]), 3)
        self.assertEqual(self.spools(), [])


class ProgramTest(TrackingTest):
    def ends(self, code):
        process = self.python("import sweep, sys\nsweep.start_run()\n" + code)
        process.communicate(timeout=30)
        (run,) = self.server.runs.values()
        self.server.runs.clear()
        return run["end"]["status"], run["end"].get("message"), run

    def test_a_run_ends_with_its_program(self):
        status, message, run = self.ends("sweep.log_metric('a', 1, 1)")
        self.assertEqual((status, message), ("completed", None))
        self.assertEqual(run["changes"]["source"]["entryPoint"], "-c")
        self.assertEqual(run["changes"]["environment"]["python"], "%d.%d.%d" % sys.version_info[:3])
        self.assertEqual(self.ends("raise ValueError('bad')")[:2], ("failed", "ValueError: bad"))
        self.assertEqual(self.ends("sys.exit(0)")[:2], ("completed", None))


class TrialTest(TrackingTest):
    def test_the_run_is_that_of_the_trial(self):
        sweep = self.trial()
        (self.dir / "f").write_text("x")
        with sweep.start_run("named", tags={"k": "v"}, params={"extra": 1}, capture=False) as run:
            self.assertEqual((run.id, run.is_trial), ("abcdefghjk-3", True))
            run.log_metrics({"loss": 0.5}, 1, context="eval")
            sweep.report(2, loss=0.4)
            run.log_artifact("f", "sub/f", type="data")
        lines = [json.loads(line) for line in (self.dir / "run" / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(lines, [{"step": 1, "eval/loss": 0.5}, {"step": 2, "loss": 0.4}])
        got = self.run_of("abcdefghjk-3")
        self.assertEqual((got["params"], got["tags"], got["changes"]), ({"extra": 1}, {"k": "v"}, {"name": "named"}))
        self.assertEqual((got["points"], got["end"]), ([], None))
        self.assertEqual(got["files"]["sub/f"][0]["type"], "data")
        # And for the agent, should this process be killed before it has sent it.
        self.assertEqual((self.dir / "run" / "artifacts" / "sub" / "f").read_text(), "x")
        self.assertEqual(self.err.getvalue(), "")

    def test_a_nested_run_is_one_of_its_own_below_the_trial(self):
        sweep = self.trial()
        with sweep.start_run(capture=False) as run:
            with sweep.start_run("fold", nested=True, capture=False) as fold:
                fold.log_metric("a", 1, 1)
        got = self.run_of(fold.id)
        self.assertEqual((got["create"]["parentRunId"], got["end"]["status"]), (run.id, "completed"))
        self.assertEqual(self.steps(got), [1])
        self.assertFalse((self.dir / "run" / "metrics.jsonl").exists())

    def test_the_decision_to_stop_comes_back(self):
        sweep = self.trial()
        (self.dir / "run" / "control.json").write_text('{"stop": "pruned", "save": false}')
        with sweep.start_run(capture=False) as run:
            self.assertEqual(run.log_metrics({"loss": 1}, 1).reason, "pruned")
            self.assertTrue(sweep.log_metric("loss", 1, 2))

    def test_in_a_pod_metrics_go_to_the_output(self):
        code = "import sweep\nwith sweep.start_run(capture=False) as run: run.log_metrics({'loss': 1}, 1)"
        self.server.create({"id": "abcdefghjk-1"})
        process = self.python(code, SWEEP_ID="abcdefghjk", SWEEP_TRIAL=1, SWEEP_RUN_DIR=self.dir, SWEEP_REPORT="stdout")
        out, err = process.communicate(timeout=20)
        self.assertEqual((out, err), ('\x1esweep report {"step": 1, "loss": 1}\n', ""))

    def test_where_no_server_can_be_reached_files_are_left_to_the_agent(self):
        sweep = self.trial()
        del os.environ["SWEEP_URL"]
        (self.dir / "f").write_text("x")
        with sweep.start_run(capture=False) as run:
            run.log_artifact("f")
            run.log_param("a", 1)
        self.assertEqual((self.dir / "run" / "artifacts" / "f").read_text(), "x")
        self.assertEqual(self.spools(), [])
        (spool,) = (self.dir / "run" / "spool").iterdir()  # outlives a container
        self.assertIn('"a": 1', (spool / "journal.jsonl").read_text())

    def test_the_next_attempt_sends_what_the_last_one_could_not(self):
        self.server.create({"id": "abcdefghjk-1"})
        self.server.create({"id": "abcdefghjk-2"})
        env = {"SWEEP_ID": "abcdefghjk", "SWEEP_RUN_DIR": self.dir}
        self.server.is_down = True
        code = "import os, sweep\nsweep.start_run(capture=False, params={'a': 1}); os._exit(1)"
        for trial in (1, 2):
            self.python(code, SWEEP_TRIAL=trial, **env).wait(20)
        self.server.is_down = False
        code = "import os, sweep\nrun = sweep.start_run(capture=False); run.log_param('a', 1); run.flush(); os._exit(1)"
        self.server.create({"id": "abcdefghjk-4"})
        self.python(code, SWEEP_TRIAL=4, **env).wait(20)
        self.assertEqual(len(self.spools()), 3)
        sweep = self.trial(1)
        with sweep.start_run(capture=False):
            self.wait_for(lambda: self.run_of("abcdefghjk-1")["params"])
            # Of what is another trial's only that stays in which something is left.
            self.wait_for(lambda: [name[:12] for name in self.spools()] == ["abcdefghjk-2"])
        self.assertEqual(self.run_of("abcdefghjk-2")["params"], {})
