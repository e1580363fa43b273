"""Run with `python3 -m unittest` in this folder."""

import json
import shutil
import subprocess
import sys
import unittest
from unittest import mock

from testing_tracking import TrackingTest


class SourceTest(TrackingTest):
    def git(self, *arguments):
        who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(self.dir), *who, *arguments], check=True, stdout=subprocess.DEVNULL)

    def source(self):
        self.load()
        from sweep_tracking.capture import source

        return source(str(self.dir))

    @unittest.skipUnless(shutil.which("git"), "without git (apt-get install git)")
    def test_a_repository_is_described_without_its_password(self):
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "https://me:secret@example.org/x.git")
        (self.dir / "a.py").write_text("one\n")
        self.git("add", ".")
        self.git("commit", "-qm", "m")
        self.git("tag", "v1")
        clean = self.source()
        self.assertEqual((clean["type"], clean["branch"], clean["tag"], clean["dirty"]), ("git", "main", "v1", False))
        self.assertEqual(clean["repo"], "https://example.org/x.git")
        self.assertRegex(clean["commit"], "^[0-9a-f]{40}$")
        self.assertNotIn("diff", clean)
        (self.dir / "a.py").write_text("two\n")
        dirty = self.source()
        self.assertTrue(dirty["dirty"])
        self.assertIn("+two", dirty["diff"])

    def test_without_a_repository_there_is_the_program_alone(self):
        with mock.patch.dict("os.environ", {"GIT_CEILING_DIRECTORIES": str(self.dir.parent)}):
            self.assertEqual(set(self.source()), {"type", "entryPoint"})

    def test_arguments_that_look_secret_are_hidden(self):
        argv = ["train.py", "--lr=0.1", "--api-key=abc", "--token", "def", "--name", "x y", "hf_token=ghi"]
        with mock.patch.object(sys, "argv", argv):
            line = self.source()["entryPoint"]
        self.assertEqual(line, "train.py --lr=0.1 '--api-key=***' --token '***' --name 'x y' 'hf_token=***'")


class EnvironmentTest(TrackingTest):
    def test_it_is_json_of_a_bearable_size_and_has_no_variable_of_the_environment(self):
        self.load()
        from sweep_tracking.capture import environment

        with mock.patch.dict("os.environ", {"MY_PASSWORD": "hunter2"}):
            found = environment()
        text = json.dumps(found)
        self.assertNotIn("hunter2", text)
        self.assertLess(len(text), 262_144)
        self.assertEqual(found["python"], "%d.%d.%d" % sys.version_info[:3])
        for key in ("hostname", "platform", "cpus", "memoryBytes"):
            self.assertIn(key, found)

    def test_gpus_are_those_that_nvidia_smi_lists(self):
        self.load()
        from sweep_tracking import capture

        lines = "0, GPU-1, NVIDIA H100, 81559\n1, GPU-2, NVIDIA H100, 81559\nnonsense\n"
        with mock.patch.object(capture, "_output", lambda command: lines if command[0] == "nvidia-smi" else None):
            gpus = capture.environment()["gpus"]
        self.assertEqual([gpu["index"] for gpu in gpus], [0, 1])
        self.assertEqual(gpus[0]["memoryBytes"], 81559 * 2**20)


if __name__ == "__main__":
    unittest.main()
