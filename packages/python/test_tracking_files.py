"""Files, models and figures of runs."""

import json
import os
from unittest import mock

from testing_sweep import NAN
from testing_tracking import TrackingTest


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
