"""Run with `python3 -m unittest` in this folder."""

import ast
import contextlib
import errno
import importlib.util
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

SOURCE = Path(__file__).resolve().with_name("sweep.py")
NAN, INF = float("nan"), float("inf")


class Scalar:
    """As tensors and numpy scalars look from outside."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class SweepTest(unittest.TestCase):
    """Each test gets a module that has seen nothing yet, an empty folder to be in, and no SWEEP_ variables."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name).resolve()
        before = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, before)
        ours = ("SWEEP_", "PARAM_", "SLURM_", "OMPI_", "PMI_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        for name in ("RANK", "LOCAL_RANK"):
            clean.pop(name, None)
        self.env = mock.patch.dict(os.environ, clean, clear=True)
        self.env.start()
        self.addCleanup(self.env.stop)
        self.err, self.out = io.StringIO(), io.StringIO()
        for redirect in (contextlib.redirect_stderr(self.err), contextlib.redirect_stdout(self.out)):
            redirect.__enter__()
            self.addCleanup(redirect.__exit__, None, None, None)

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


class Source(SweepTest):
    def test_it_is_python_3_8(self):
        ast.parse(SOURCE.read_text(), feature_version=(3, 8))

    def test_it_needs_only_the_standard_library_and_imports_next_to_nothing_at_first(self):
        code = "import os, sys; before = set(sys.modules); import sweep; print(*(set(sys.modules) - before))"
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=str(SOURCE.parent), stdout=subprocess.PIPE, check=True, text=True
        )
        self.assertEqual(set(run.stdout.split()) - {"__future__"}, {"sweep"})


class ParamsTest(SweepTest):
    def test_by_hand_they_are_the_defaults(self):
        p = self.load().params(lr=0.1, opt="sgd")
        self.assertEqual((p.lr, p["opt"], dict(p)), (0.1, "sgd", {"lr": 0.1, "opt": "sgd"}))

    def test_by_hand_arguments_replace_them_in_their_type(self):
        argv = ["--lr=1", "--batch-size", "64", "--opt", "5", "--deep", "--no-warm", "--x=-1e-3", "depth=7", "pos"]
        p = self.load(argv).params(lr=0.1, batch_size=32, opt="sgd", deep=False, warm=True, x=0.5, depth=3)
        self.assertEqual(p, dict(lr=1.0, batch_size=64, opt="5", deep=True, warm=False, x=-0.001, depth=7))
        self.assertIs(type(p.lr), float)
        self.assertEqual(self.err.getvalue(), "")

    def test_by_hand_an_unknown_argument_is_pointed_out(self):
        with mock.patch.dict(sys.modules):
            sys.modules.pop("argparse", None)
            self.load(["--lrr=1"]).params(lr=0.1)
        self.assertIn("--lrr: not among the parameters lr", self.err.getvalue())

    def test_by_hand_help_lists_the_parameters(self):
        with mock.patch.dict(sys.modules):
            sys.modules.pop("argparse", None)
            with self.assertRaises(SystemExit):
                self.load(["--help"]).params(lr=0.1)
        self.assertIn("--lr=0.1", self.out.getvalue())

    def test_in_a_trial_they_are_the_drawn_values_in_the_type_of_the_default(self):
        drawn = {"lr": 1, "n": 64.0, "flag": 1, "name": 5, "shape": [1, 2], "extra": "x", "none": None}
        p = self.trial(drawn, ["--lr=9"]).params(lr=0.1, n=2, flag=False, name="a", shape=(0,), none=3, kept=4)
        self.assertEqual(
            p, dict(lr=1.0, n=64, flag=True, name="5", shape=(1, 2), extra="x", none=None, kept=4)
        )
        self.assertEqual([type(p[k]) for k in ("lr", "n", "flag", "shape")], [float, int, bool, tuple])

    def test_a_fraction_is_not_cut_to_fit_a_whole_default(self):
        self.assertEqual(self.trial({"lr": 0.5}).params(lr=1).lr, 0.5)

    def test_text_that_is_a_number_becomes_one(self):
        p = self.trial({"lr": "1e-5", "n": "12"}).params(lr=0.1, n=3)
        self.assertEqual((p.lr, p.n), (1e-5, 12))

    def test_what_cannot_be_cast_is_kept_and_said(self):
        self.assertEqual(self.trial({"n": "many"}).params(n=3).n, "many")
        self.assertIn("n='many' is not int", self.err.getvalue())

    def test_in_a_trial_the_command_line_fills_what_the_sweep_does_not_vary(self):
        p = self.trial({"lr": 0.5}, ["--lr=9", "--epochs=7"]).params(lr=0.1, epochs=2)
        self.assertEqual((p.lr, p.epochs), (0.5, 7))

    def test_nested_parameters_are_attributes_and_dotted_items_and_keep_other_defaults(self):
        p = self.trial({"opt": {"lr": 1}}, ["--opt={'lr': 1}"]).params(opt={"lr": 0.1, "beta": 0.9})
        self.assertEqual((p.opt.lr, p["opt.beta"], p["opt"]["lr"]), (1.0, 0.9, 1.0))
        self.assertEqual(self.err.getvalue(), "")

    def test_nested_parameters_come_from_the_command_line_by_hand(self):
        p = self.load(["--opt.lr=3"]).params(opt={"lr": 0.1}, n=1)
        self.assertEqual(p, {"opt": {"lr": 3.0}, "n": 1})

    def test_the_defaults_handed_in_stay_as_they_are(self):
        opt = {"lr": 0.1}
        self.load(["--opt.lr=3"]).params(opt=opt)
        self.assertEqual(opt, {"lr": 0.1})

    def test_a_missing_name_is_an_attribute_error_that_lists_the_others(self):
        p = self.load().params(lr=0.1)
        with self.assertRaisesRegex(AttributeError, "no parameter 'lrr'; there are: lr"):
            p.lrr
        with self.assertRaises(KeyError):
            p["a.b"]
        self.assertIsNone(p.get("lrr"))

    def test_an_unreadable_config_falls_back_to_arguments_then_environment_and_says_so(self):
        for text in (None, "{", "[1]", "\udcff"):
            with self.subTest(text=text):
                sweep = self.trial(argv=["--a=1"], SWEEP_PARAMS=self.dir / "params.json", PARAM_b="2")
                if text is not None:
                    (self.dir / "params.json").write_bytes(text.encode(errors="surrogateescape"))
                self.assertEqual(sweep.params(a=0, b=0, c=0), dict(a=1, b=2, c=0))
                self.assertIn("params.json", self.err.getvalue())

    def test_they_survive_pickle_copy_and_json(self):
        import copy
        import pickle

        sweep = self.load()
        with mock.patch.dict(sys.modules, sweep=sweep):
            p = sweep.params(a={"b": 1})
            self.assertEqual(pickle.loads(pickle.dumps(p)).a.b, 1)
            self.assertEqual(copy.deepcopy(p).a.b, 1)
            self.assertEqual(json.dumps(p), '{"a": {"b": 1}}')


class ReportTest(SweepTest):
    def test_by_hand_it_prints_a_line(self):
        self.assertFalse(self.load().report(1, val_loss=0.3194217701039989, acc=NAN, n=3))
        self.assertEqual(self.out.getvalue(), "step=1 val_loss=0.319422 acc=NaN n=3\n")

    def test_in_a_trial_it_appends_a_line_and_prints_nothing(self):
        sweep = self.trial()
        sweep.report(1, val_loss=0.1 + 0.2)
        sweep.report(2, {"val_loss": 1e-300, "nested": {"acc": 1}}, big=2**60)
        self.assertEqual(
            self.lines(),
            [{"step": 1, "val_loss": 0.1 + 0.2}, {"step": 2, "val_loss": 1e-300, "nested/acc": 1, "big": 2.0**60}],
        )
        self.assertEqual(self.out.getvalue() + self.err.getvalue(), "")

    def test_nan_and_infinities_are_written_as_strings(self):
        self.trial().report(1, a=NAN, b=INF, c=-INF, d=10**400)
        self.assertEqual(self.lines(), [{"step": 1, "a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "Infinity"}])

    def test_tensors_and_number_like_values_become_numbers(self):
        from decimal import Decimal

        self.trial().report(Scalar(3), a=Scalar(0.5), b=Scalar(2), c=True, d=Decimal("1.5"))
        self.assertEqual(self.lines(), [{"step": 3, "a": 0.5, "b": 2, "c": 1, "d": 1.5}])

    def test_what_is_no_number_is_left_out_and_said_once(self):
        class Hostile:
            def __getattr__(self, name):
                raise RuntimeError("boom")

        sweep = self.trial()
        for step in (1, 2):
            sweep.report(step, loss=1.0, text="0.5", none=None, many=[1, 2], bad=Hostile())
        self.assertEqual(self.lines(), [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}])
        self.assertEqual(self.err.getvalue().count("\n"), 4)

    def test_a_report_of_nothing_writes_nothing(self):
        sweep = self.trial()
        sweep.report(1)
        sweep.report(1, {})
        self.assertFalse((self.dir / "run" / "metrics.jsonl").exists())

    def test_names_are_escaped_and_hopeless_ones_left_out(self):
        self.trial().report(1, {'a "b"\n\u00e9': 1, "step": 9, "": 1, "x" * 257: 1, 7: 1})
        self.assertEqual(self.lines(), [{"step": 1, 'a "b"\n\u00e9': 1, "7": 1}])

    def test_a_step_may_be_missing_or_odd(self):
        sweep = self.trial()
        for step in (None, 2.0, 2.5, "x", NAN, True):
            sweep.report(step, a=1)
        sweep.report({"a": 1})
        self.assertEqual([line.get("step") for line in self.lines()], [None, 2, 2, None, None, 1, None])

    def test_a_line_over_64_kb_is_dropped_and_one_just_below_is_not(self):
        sweep = self.trial()
        sweep.report(1, {f"{i:0200}": 0.5 for i in range(400)})
        sweep.report(2, {f"{i:0200}": 0.5 for i in range(300)})
        self.assertEqual([line["step"] for line in self.lines()], [2])
        self.assertIn("was dropped; 65536 is the most", self.err.getvalue())

    def test_lines_of_threads_and_processes_do_not_mix(self):
        sweep = self.trial()

        def work(first):
            for i in range(200):
                sweep.report(first + i, {"loss": 0.5, "pad" * 50: 1})

        sweep.report(-1, loss=1)  # opens the file
        children = []
        for n in range(2):
            pid = os.fork()
            if pid == 0:
                work(1000 * (n + 5))
                os._exit(0)
            children.append(pid)
        threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for pid in children:
            os.waitpid(pid, 0)
        self.assertEqual(len({line["step"] for line in self.lines()}), 6 * 200 + 1)

    def test_lines_of_programs_that_opened_the_file_apart_do_not_overwrite_each_other(self):
        one, other = self.trial(), self.trial()
        for step in range(0, 10, 2):
            one.report(step, a=1)
            other.report(step + 1, a=1)
        self.assertEqual([line["step"] for line in self.lines()], list(range(10)))

    def test_without_a_writable_file_the_line_is_printed(self):
        sweep = self.load(SWEEP_RUN_DIR=self.dir, SWEEP_METRICS=self.dir)  # a folder
        sweep.report(1, a=0.1 + 0.2)
        sweep.report(2, a=2)
        self.assertEqual(self.out.getvalue(), "step=1 a=0.30000000000000004\nstep=2 a=2\n")
        self.assertEqual(self.err.getvalue().count("can't write"), 1)

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_full_disk_costs_a_warning(self):
        sweep = self.load(SWEEP_RUN_DIR=self.dir, SWEEP_METRICS="/dev/full")
        for step in range(3):
            self.assertFalse(sweep.report(step, a=1))
        self.assertEqual(self.err.getvalue().count("No space left"), 1)
        self.assertEqual(self.out.getvalue(), "")

    def test_a_line_cut_off_by_a_full_disk_does_not_spoil_the_next(self):
        sweep = self.trial()
        write = os.write
        with mock.patch.object(os, "write", lambda fd, data: write(fd, data[:9])):
            sweep.report(1, loss=0.5)
        sweep.report(2, loss=0.25)
        lines = (self.dir / "run" / "metrics.jsonl").read_text().splitlines()
        self.assertEqual(lines[0], '{"step": ')
        self.assertEqual(json.loads(lines[1]), {"step": 2, "loss": 0.25})

    def test_a_pipe_that_nobody_reads_does_not_hold_it_up(self):
        os.mkfifo(self.dir / "pipe")
        sweep = self.load(SWEEP_RUN_DIR=self.dir, SWEEP_METRICS=self.dir / "pipe")
        began = time.monotonic()
        sweep.report(1, a=1)
        self.assertLess(time.monotonic() - began, 1)

    def test_a_closed_or_missing_stdout_does_not_hurt(self):
        for stream in (None, io.StringIO()):
            with self.subTest(stream=stream):
                if stream:
                    stream.close()
                with mock.patch.object(sys, "stdout", stream), mock.patch.object(sys, "stderr", stream):
                    self.assertFalse(self.load().report(1, a=1))

    def test_strict_makes_warnings_errors(self):
        sweep = self.trial(SWEEP_STRICT=1)
        with self.assertRaisesRegex(sweep.SweepError, "text was left out"):
            sweep.report(1, text="a")

    def test_made_up_names_do_not_fill_the_log(self):
        sweep = self.trial()
        for i in range(200):
            sweep.report(i, {f"x{i}": None})
        self.assertEqual(self.err.getvalue().count("\n"), 21)
        self.assertTrue(self.err.getvalue().endswith("further warnings are not shown\n"))

    def test_only_rank_0_writes_and_all_see_the_decision(self):
        for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
            with self.subTest(name=name):
                (self.dir / "run").mkdir(exist_ok=True)
                self.control(stop="pruned")
                with mock.patch.dict(os.environ, {name: "1"}):
                    sweep = self.trial()
                    self.assertTrue(sweep.report(1, a=1))
                    self.assertEqual(sweep.info.rank, 1)
                self.assertFalse((self.dir / "run" / "metrics.jsonl").exists())

    def test_the_global_rank_counts_before_the_local_one(self):
        self.assertEqual(self.trial(RANK=8, LOCAL_RANK=0).info.rank, 8)

    def test_a_rank_can_be_told(self):
        sweep = self.trial()
        sweep.configure(rank=2)
        sweep.report(1, a=1)
        self.assertFalse((self.dir / "run" / "metrics.jsonl").exists())


class DecisionTest(SweepTest):
    def test_without_a_control_file_training_goes_on(self):
        sweep = self.trial()
        d = sweep.report(1, a=1)
        self.assertEqual((bool(d), d.stop, d.reason, d.save), (False, False, "", False))
        self.assertFalse(sweep.stopping())

    def test_a_stop_is_seen_by_the_next_report(self):
        sweep = self.trial()
        self.control()
        self.assertFalse(sweep.report(1, a=1))
        self.control(stop="pruned", reason="rank 3 of 9 at step 1")
        d = sweep.report(2, a=1)
        self.assertEqual((bool(d), d.reason, d.detail), (True, "pruned", "rank 3 of 9 at step 1"))
        self.assertTrue(sweep.stopping().stop)

    def test_a_save_stands_until_a_checkpoint_is_complete(self):
        sweep = self.trial()
        self.control(save=True)
        self.assertTrue(sweep.report(1, a=1).save)
        with self.assertRaises(ZeroDivisionError):
            with sweep.checkpoint(1):
                1 / 0
        self.assertTrue(sweep.report(2, a=1).save)
        with sweep.checkpoint(2):
            pass
        self.assertFalse(sweep.report(3, a=1).save)

    def test_a_pause_asks_for_a_checkpoint(self):
        sweep = self.trial()
        for reason, save in (("paused", True), ("preempted", True), ("pruned", False)):
            self.control(stop=reason)
            self.assertEqual(sweep.report(1, a=1).save, save)

    def test_garbage_in_the_control_file_is_not_a_stop(self):
        sweep = self.trial()
        for text in ("", "{", "[]", "3", '{"stop": nul'):
            (self.dir / "run" / "control.json").write_text(text)
            self.assertFalse(sweep.report(1, a=1))
        self.assertEqual(self.err.getvalue().count("\n"), 1)
        self.control(stop="stopped")
        self.assertTrue(sweep.report(2, a=1))

    def test_waiting_ends_with_the_decision_or_the_time(self):
        sweep = self.trial()
        began = time.monotonic()
        self.assertFalse(sweep.report(1, a=1, wait=0.05))
        self.assertGreaterEqual(time.monotonic() - began, 0.05)
        timer = threading.Timer(0.05, self.control, kwargs={"stop": "pruned"})
        timer.start()
        began = time.monotonic()
        self.assertTrue(sweep.report(2, a=1, wait=30))
        self.assertLess(time.monotonic() - began, 10)
        timer.join()

    def test_by_hand_nothing_is_waited_for(self):
        began = time.monotonic()
        self.load().report(1, a=1, wait=30)
        self.assertLess(time.monotonic() - began, 10)

    def test_on_stop_raise_ends_the_program_with_code_0(self):
        sweep = self.trial()
        with mock.patch.object(signal, "signal"):
            sweep.configure(on_stop="raise")
        self.assertFalse(sweep.report(1, a=1))
        self.control(stop="pruned")
        with self.assertRaises(SystemExit) as caught:
            sweep.report(2, a=1)
        self.assertEqual((caught.exception.code, caught.exception.reason), (0, "pruned"))

    def run_until_term(self, *lines):
        code = "\n".join(["import sweep, time", *lines, "print('ready', flush=True)", "time.sleep(60)"])
        env = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
        with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            child.terminate()
            rest = child.stdout.read()
        return child.returncode, rest

    def test_sigterm_is_left_alone(self):
        self.assertEqual(self.run_until_term("sweep.report(1)")[0], -signal.SIGTERM)

    def test_on_stop_raise_runs_finally_blocks_on_sigterm(self):
        bye = "import atexit; atexit.register(print, 'bye')"
        code, rest = self.run_until_term("sweep.configure(on_stop='raise')", bye)
        self.assertEqual((code, rest), (128 + signal.SIGTERM, b"bye\n"))

    def test_a_handler_of_the_program_is_kept(self):
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        mine = signal.getsignal(signal.SIGTERM)
        self.trial().configure(on_stop="raise")
        self.assertIs(signal.getsignal(signal.SIGTERM), mine)


class CheckpointTest(SweepTest):
    def save(self, sweep, step, **options):
        with sweep.checkpoint(step, **options) as path:
            (path / "state").write_text(str(step))

    def names(self, folder="run/checkpoints"):
        return sorted(os.listdir(self.dir / folder))

    def test_a_first_attempt_restores_nothing(self):
        self.assertIsNone(self.trial().restore())
        self.assertEqual(self.err.getvalue(), "")

    def test_what_was_saved_is_restored(self):
        self.save(self.trial(), 3)
        ck = self.trial().restore()
        self.assertEqual((ck.step, (ck.path / "state").read_text()), (3, "3"))

    def test_the_newest_complete_one_wins(self):
        sweep = self.trial()
        for step in (2, 10):
            self.save(sweep, step)
        (self.dir / "run/checkpoints/11").mkdir()
        (self.dir / "run/checkpoints/zzz").mkdir()
        self.assertEqual(self.trial().restore().step, 10)

    def test_sweep_restore_wins_and_may_be_a_link(self):
        self.save(self.trial(), 7)
        os.rename(self.dir / "run", self.dir / "other")
        self.save(self.trial(), 9)
        (self.dir / "run/restore").symlink_to(self.dir / "other/checkpoints/7")
        ck = self.trial(SWEEP_RESTORE=self.dir / "run/restore").restore()
        self.assertEqual((ck.step, ck.path), (7, self.dir / "other/checkpoints/7"))

    def test_a_sweep_restore_that_is_incomplete_is_said_and_passed_over(self):
        self.save(self.trial(), 1)
        (self.dir / "broken").mkdir()
        self.assertEqual(self.trial(SWEEP_RESTORE=self.dir / "broken").restore().step, 1)
        self.assertIn("broken is not a complete checkpoint", self.err.getvalue())

    def test_the_link_in_the_run_folder_is_enough(self):
        self.save(self.trial(), 7)
        os.rename(self.dir / "run", self.dir / "other")
        self.trial()
        (self.dir / "run/restore").symlink_to(self.dir / "other/checkpoints/7")
        self.assertEqual(self.trial().restore().step, 7)

    def test_an_odd_argument_costs_the_pruning_of_old_ones_and_no_more(self):
        sweep = self.trial()
        self.save(sweep, 1, keep="many")
        self.assertEqual(self.trial().restore().step, 1)

    def test_by_hand_checkpoints_go_to_the_folder_and_are_restored_only_when_asked_for(self):
        self.save(self.load(), 4)
        self.assertEqual(self.names("checkpoints"), ["4"])
        self.assertIsNone(self.load().restore())
        self.assertIn("SWEEP_RESTORE=checkpoints/4 would continue from step 4", self.err.getvalue())
        self.assertEqual(self.load(SWEEP_RESTORE="checkpoints").restore().step, 4)

    def test_older_ones_are_removed(self):
        sweep = self.trial()
        for step in range(5):
            self.save(sweep, step)
        self.assertEqual(self.names(), ["3", "4"])
        self.save(sweep, 5, keep=1)
        self.assertEqual(self.names(), ["5"])
        for step in (6, 7, 8):
            self.save(sweep, step, keep=0)
        self.assertEqual(self.names(), ["5", "6", "7", "8"])

    def test_one_that_is_being_removed_does_not_look_complete(self):
        sweep = self.trial()
        self.save(sweep, 1)
        with mock.patch("shutil.rmtree"):  # as if killed just before
            self.save(sweep, 2, keep=1)
        self.assertEqual(self.names("run/checkpoints/1"), ["state", "sweep_random_state.json"])

    def test_everything_is_on_the_disk_before_the_folder_gets_its_name(self):
        sweep = self.trial()
        events = []
        fsync, rename = os.fsync, os.rename

        def note_fsync(fd):
            events.append(os.fstat(fd).st_ino)
            fsync(fd)

        def note_rename(source, target):
            events.append("rename")
            rename(source, target)

        with mock.patch.object(os, "fsync", note_fsync), mock.patch.object(os, "rename", note_rename):
            self.save(sweep, 1)
        final = self.dir / "run/checkpoints/1"
        first = {os.stat(final / name).st_ino for name in os.listdir(final)} | {os.stat(final).st_ino}
        self.assertEqual(set(events[: events.index("rename")]), first)
        self.assertEqual(events[events.index("rename") + 1 :], [os.stat(final.parent).st_ino])

    def test_later_ones_of_another_run_are_not(self):
        self.save(self.load(), 100)
        sweep = self.load()
        for step in (1, 2, 3):
            self.save(sweep, step)
        self.assertEqual(self.names("checkpoints"), ["100", "2", "3"])

    def test_a_step_can_be_saved_again(self):
        sweep = self.trial()
        self.save(sweep, 1)
        with sweep.checkpoint(1) as path:
            (path / "new").write_text("")
        self.assertEqual(self.names("run/checkpoints/1"), ["complete", "new", "sweep_random_state.json"])
        self.assertEqual(self.names(), ["1"])

    def test_a_block_that_raises_leaves_nothing(self):
        with self.assertRaises(RuntimeError):
            with self.trial().checkpoint(1) as path:
                (path / "half").write_text("")
                raise RuntimeError
        self.assertEqual(self.names(), [])

    def test_a_full_disk_does_not_end_training(self):
        with self.trial().checkpoint(1):
            raise OSError(errno.ENOSPC, "No space left on device")
        self.assertEqual(self.names(), [])
        self.assertIn("the checkpoint of step 1 was not saved", self.err.getvalue())

    def test_a_folder_that_cannot_be_made_does_not_end_training(self):
        sweep = self.trial()
        (self.dir / "run/checkpoints").write_text("a file")
        self.save(sweep, 1)
        self.assertIn("can't save a checkpoint", self.err.getvalue())

    @unittest.skipIf(hasattr(os, "geteuid") and os.geteuid() == 0, "root may write anywhere")
    def test_a_read_only_run_folder_does_not_end_training(self):
        sweep = self.trial()
        os.chmod(self.dir / "run", stat.S_IRUSR | stat.S_IXUSR)
        self.addCleanup(os.chmod, self.dir / "run", stat.S_IRWXU)
        self.save(sweep, 1)
        sweep.report(1, a=1)
        self.assertEqual(self.out.getvalue(), "step=1 a=1\n")

    def test_only_rank_0_is_kept(self):
        self.save(self.trial(RANK=1), 1)
        self.assertFalse((self.dir / "run/checkpoints").exists())
        self.assertIn("only rank 0's is kept", self.err.getvalue())

    def test_a_killed_program_never_leaves_half_a_checkpoint(self):
        code = """
import sweep
for step in range(10**6):
    with sweep.checkpoint(step) as path:
        for n in range(3):
            (path / str(n)).write_text(str(step) * 50_000)
    print(step, flush=True)
"""
        run = self.dir / "run"
        run.mkdir()
        env = {**os.environ, "PYTHONPATH": str(SOURCE.parent), "SWEEP_RUN_DIR": str(run)}
        for kill_after in (1, 2, 3, 5, 8):
            with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) as child:
                for _ in range(kill_after):
                    child.stdout.readline()
                child.kill()
            ck = self.trial().restore()
            self.assertGreaterEqual(ck.step, kill_after - 1)
            for n in range(3):
                self.assertEqual((ck.path / str(n)).read_text(), str(ck.step) * 50_000)
        self.save(self.trial(), 10**6)
        self.assertEqual([name for name in self.names() if not name.isdecimal()], [])


class PodTest(SweepTest):
    """In a pod no agent sees the disk: everything is told on the standard output."""

    def pod(self, code, stop_after=None, **env):
        """What a program that begins with `import sweep` prints, and its exit code."""
        full = {**os.environ, "PYTHONPATH": str(SOURCE.parent), "SWEEP_REPORT": "stdout", "SWEEP_RUN_DIR": str(self.dir)}
        full.update({"SWEEP_METRICS": "/dev/stdout", **env})
        args = [sys.executable, "-c", f"import sweep\n{code}"]
        with subprocess.Popen(args, env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            out = b""
            while stop_after is not None and stop_after not in out:
                out += child.stdout.readline()
            if stop_after is not None:
                child.send_signal(signal.SIGTERM)
            rest, err = child.communicate(timeout=20)
        self.assertEqual(err, b"")
        return (out + rest).decode(), child.returncode

    def test_reports_are_records_between_what_the_program_prints(self):
        code = "print('one')\nprint('50%', end='\\r')\nsweep.report(3, loss=0.5)\nprint('two')"
        out, exit_code = self.pod(code)
        self.assertEqual(out, 'one\n50%\r\x1esweep report {"step": 3, "loss": 0.5}\ntwo\n')
        self.assertEqual((exit_code, list(self.dir.iterdir())), (0, []))

    def test_sigterm_is_the_decision_to_stop_and_asks_for_a_checkpoint(self):
        code = """
import time
while not sweep.report(1, loss=1): time.sleep(0.01)
d = sweep.stopping()
print(d.stop, d.reason, d.save)
"""
        out, exit_code = self.pod(code, stop_after=b"report")
        self.assertTrue(out.endswith("True stopped True\n"), out)
        self.assertEqual(exit_code, 0)

    def test_a_handler_of_the_program_is_left_alone(self):
        code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
sweep.report(1, loss=1)
time.sleep(10)
"""
        self.assertEqual(self.pod(code, stop_after=b"report")[1], 7)

    def test_on_stop_raise_ends_the_program_at_once(self):
        code = "import time\nsweep.configure(on_stop='raise')\nsweep.report(1, loss=1)\ntime.sleep(10)"
        self.assertEqual(self.pod(code, stop_after=b"report")[1], 143)

    def test_a_wait_ends_with_the_signal(self):
        code = "print('ready', flush=True)\nprint(sweep.report(1, wait=15, loss=1).stop)"
        begun = time.monotonic()
        out, _ = self.pod(code, stop_after=b"report")
        self.assertTrue(out.endswith("True\n"), out)
        self.assertLess(time.monotonic() - begun, 10)

    def test_checkpoints_go_to_the_volume_and_are_told(self):
        code = "import json\nwith sweep.checkpoint(4) as path: (path / 'w').write_text('x')\nprint(sweep.restore().step)"
        out, _ = self.pod(code, SWEEP_CHECKPOINTS=str(self.dir / "volume"))
        told = {"step": 4, "path": str(self.dir / "volume" / "4")}
        self.assertEqual(out, f"\x1esweep checkpoint {json.dumps(told)}\n4\n")

    def test_without_a_volume_nobody_is_told_of_a_checkpoint_that_goes_with_the_pod(self):
        self.assertEqual(self.pod("with sweep.checkpoint(4) as path: (path / 'w').write_text('x')")[0], "")


class InfoTest(SweepTest):
    def test_by_hand_there_is_no_trial(self):
        info = self.load().info
        self.assertEqual((info.trial, info.attempt, info.seed, info.rank, info.run_dir), (None, None, 0, 0, Path(".")))

    def test_in_a_trial_it_comes_from_the_environment(self):
        info = self.trial(SWEEP_TRIAL=3, SWEEP_ATTEMPT=2, SWEEP_SEED=17).info
        self.assertEqual((info.trial, info.attempt, info.seed, info.run_dir), (3, 2, 17, self.dir / "run"))


if __name__ == "__main__":
    unittest.main()
