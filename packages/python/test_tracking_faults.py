"""Servers that are away, programs that are killed, disks that are full."""

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
