"""Run with `python3 -m unittest` in this folder."""

import hashlib
import json
import random
import unittest

from testing_tracking import TrackingTest


class SeedsTest(TrackingTest):
    def test_parts_are_derived_as_it_is_documented(self):
        sweep = self.load()
        seeds = sweep.seed_everything(42)
        digest = hashlib.sha256(b"sweep/42/data").digest()
        self.assertEqual(seeds.data, int.from_bytes(digest[:4], "big") % 2**31)
        self.assertEqual(seeds.as_dict(), {"global": 42, "data": 776898491, "model": 2026200, "train": 222689046})
        self.assertEqual((seeds.of("data"), seeds.of("global")), (seeds.data, 42))
        self.assertEqual(seeds.of("my part 🙂"), sweep.component_seed(42, "my part 🙂"))

    def test_a_trial_has_its_own_seed_in_every_attempt(self):
        sweep = self.load(SWEEP_SEED=99)
        self.assertEqual(sweep.seed_everything().seed, 99)
        first = random.random()
        sweep.seed_everything()
        self.assertEqual(random.random(), first)

    def test_odd_seeds_do(self):
        sweep = self.load()
        for seed in (-1, 2**64, True, 3.0, "text", None):
            with self.subTest(seed):
                seeds = sweep.seed_everything(seed)
                self.assertTrue(0 <= seeds.global_ < 2**32 and 0 <= seeds.data < 2**31)

    def test_a_part_leaves_the_random_state_as_it_was(self):
        sweep = self.load()
        seeds = sweep.seed_everything(1)
        state = random.getstate()
        with seeds.use("model"):
            drawn = random.random()
        self.assertEqual(random.getstate(), state)
        with seeds.use("model"):
            self.assertEqual(random.random(), drawn)


class CheckpointTest(TrackingTest):
    def test_the_random_state_comes_back_with_a_checkpoint(self):
        sweep = self.trial()
        sweep.params(lr=0.1, optimizer={"name": "sgd"})
        sweep.seed_everything(5)
        with sweep.checkpoint(1) as path:
            (path / "state").write_text("x")
        after = [random.random() for _ in range(3)] + [random.gauss(0, 1)]
        self.assertTrue(sweep.restore_random_state(sweep.restore()))
        self.assertEqual([random.random() for _ in range(3)] + [random.gauss(0, 1)], after)
        config = json.loads((sweep.restore().path / "sweep_config.json").read_text())
        self.assertEqual(config, {"lr": 0.1, "optimizer": {"name": "sgd"}})

    def test_files_of_the_program_stay_as_they_are(self):
        sweep = self.trial()
        sweep.params(lr=0.1)
        with sweep.checkpoint(1) as path:
            (path / "sweep_config.json").write_text("mine")
        self.assertEqual((sweep.restore().path / "sweep_config.json").read_text(), "mine")

    def test_a_checkpoint_without_a_state_or_with_a_broken_one_is_no_error(self):
        sweep = self.trial()
        with sweep.checkpoint(1) as path:
            pass
        found = sweep.restore()
        before = random.getstate()
        for text in ("{", "{}", '{"python": [3, [1], null]}', '{"python": 3}', "[]"):
            (found.path / "sweep_random_state.json").write_text(text)
            self.assertFalse(sweep.restore_random_state(found))
        (found.path / "sweep_random_state.json").unlink()
        self.assertFalse(sweep.restore_random_state(found))
        self.assertFalse(sweep.restore_random_state(None))
        self.assertFalse(sweep.restore_random_state("nowhere"))
        self.assertEqual(random.getstate(), before)
        self.assertFalse(path.exists())


if __name__ == "__main__":
    unittest.main()
