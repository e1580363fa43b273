"""Run with `python3 -m unittest` in this folder."""

import ast
import json
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from testing_sweep import SOURCE, SweepTest


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


class InfoTest(SweepTest):
    def test_by_hand_there_is_no_trial(self):
        info = self.load().info
        self.assertEqual((info.trial, info.attempt, info.seed, info.rank, info.run_dir), (None, None, 0, 0, Path(".")))

    def test_in_a_trial_it_comes_from_the_environment(self):
        info = self.trial(SWEEP_TRIAL=3, SWEEP_ATTEMPT=2, SWEEP_SEED=17).info
        self.assertEqual((info.trial, info.attempt, info.seed, info.run_dir), (3, 2, 17, self.dir / "run"))


if __name__ == "__main__":
    unittest.main()
