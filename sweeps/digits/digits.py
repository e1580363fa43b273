"""The UCI optical digits: 1,797 images of 8x8 pixels. Source and licence are in README.md."""

import gzip
import os
import random


def load(seed, share=0.2):
    """Training and validation images, split by `seed`: (xs, ys), (xs, ys). A pixel is 0.0 to 1.0, a label 0 to 9."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits.csv.gz")
    with gzip.open(path, "rt") as file:
        rows = [list(map(int, line.split(","))) for line in file]
    random.Random(f"split {seed}").shuffle(rows)
    brightness = [value / 16 for value in range(17)]
    xs = [[brightness[pixel] for pixel in row[:64]] for row in rows]
    ys = [row[64] for row in rows]
    held_out = int(len(rows) * share)
    return (xs[held_out:], ys[held_out:]), (xs[:held_out], ys[:held_out])
