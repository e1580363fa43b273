"""Runs of programs that end, fork, are silent, or are trials."""

import json
import os
import shutil
import sys
import time
import unittest

from testing_tracking import TrackingTest


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


class HeartbeatTest(TrackingTest):
    def test_a_run_that_logs_nothing_says_that_it_lives_until_it_ends(self):
        self.server.beat_ms = 20
        sweep = self.load()
        run = sweep.start_run(capture=False)
        self.wait_for(lambda: self.server.runs and self.only["beats"] > 3)
        run.end()
        beats = self.only["beats"]
        time.sleep(0.1)
        self.assertEqual(self.only["beats"], beats)
        self.assertEqual(self.err.getvalue(), "")

    def test_it_says_so_as_often_as_the_server_asks_and_whatever_else_it_sends(self):
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            for step in range(20):
                run.log_metric("loss", step, step)
                run.flush()
        self.assertEqual(self.only["beats"], 1)

    def test_a_server_that_knows_no_heartbeats_is_left_alone_with_them(self):
        change = self.server.change

        def older(run, rest, query, body):
            return (404, {"code": "not-found", "message": "no"}) if rest == "heartbeat" else change(run, rest, query, body)

        self.server.change = older
        sweep = self.load()
        with sweep.start_run(capture=False) as run:
            for step in range(5):
                run.log_metric("loss", step, step)
                run.flush()
        beats = [path for _, path in self.server.requests if path.endswith("/heartbeat")]
        self.assertEqual((len(beats), self.steps(self.only)), (1, [0, 1, 2, 3, 4]))
        self.assertEqual(self.err.getvalue(), "")

    def test_the_run_of_a_trial_is_spoken_for_by_the_agent(self):
        self.server.beat_ms = 1
        sweep = self.trial()
        with sweep.start_run(capture=False) as run:
            run.set_tag("a", 1)
            run.flush()
        self.assertEqual(self.only["beats"], 0)


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

    def left_in_a_pod(self, code, **env):
        """What a program in a pod says that leaves files in `artifacts/`."""
        self.server.create({"id": "abcdefghjk-1"})
        (self.dir / "artifacts" / "deep").mkdir(parents=True)
        write = "import os, sweep\nopen('artifacts/deep/a', 'w').write('x')\nopen('artifacts/b', 'w').write('y')\n"
        where = {"SWEEP_ID": "abcdefghjk", "SWEEP_TRIAL": 1, "SWEEP_RUN_DIR": self.dir, "SWEEP_REPORT": "stdout"}
        process = self.python(f"import os; os.chdir({str(self.dir)!r})\n{write}{code}", **{**where, **env})
        return process.communicate(timeout=20)[1]

    def test_in_a_pod_the_program_uploads_at_its_end_what_it_has_left(self):
        for code in ("", "raise SystemExit(3)", "with sweep.start_run(capture=False) as run: run.log_param('a', 1)"):
            with self.subTest(code):
                self.assertEqual(self.left_in_a_pod(code), "")
                files = {path: versions[-1]["bytes"] for path, versions in self.only["files"].items()}
                self.assertEqual(files, {"deep/a": b"x", "b": b"y"})
                self.assertEqual(self.spools(), [])
                self.server.runs.clear()
                shutil.rmtree(self.dir / "artifacts")

    def test_in_a_pod_what_was_left_waits_for_a_server_that_is_away(self):
        self.server.lost_replies = 5
        self.assertEqual(self.left_in_a_pod(""), "")
        self.assertEqual(sorted(self.only["files"]), ["b", "deep/a"])
        self.assertEqual([len(versions) for versions in self.only["files"].values()], [1, 1])

    def test_in_a_pod_that_knows_no_server_or_one_that_stays_away_it_is_said_that_files_are_lost(self):
        self.assertIn("no server is known here", self.left_in_a_pod("del os.environ['SWEEP_URL']"))
        shutil.rmtree(self.dir / "artifacts")
        self.server.is_down = True
        self.assertIn("does not take it", self.left_in_a_pod("", SWEEP_EXIT_WAIT="0.1"))
        self.assertEqual(self.only["files"], {})

    def test_a_child_and_ranks_that_are_not_the_first_upload_nothing(self):
        child = "pid = os.fork()\nif pid == 0: raise SystemExit(0)\nos.waitpid(pid, 0)\nos._exit(0)"
        self.assertEqual(self.left_in_a_pod(child), "")
        shutil.rmtree(self.dir / "artifacts")
        self.assertEqual(self.left_in_a_pod("", RANK="1"), "")
        self.assertEqual(self.only["files"], {})

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
