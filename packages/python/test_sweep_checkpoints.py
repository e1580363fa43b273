"""Checkpoints, and programs in a pod."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
import unittest
from unittest import mock

from testing_sweep import SOURCE, SweepTest


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
