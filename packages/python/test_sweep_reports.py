"""What sweep.py writes, and the decisions that come back."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

from testing_sweep import INF, NAN, SOURCE, Scalar, SweepTest


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
