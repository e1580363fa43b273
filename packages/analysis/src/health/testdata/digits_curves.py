"""Makes digits-curves.json: the curves of 40 configs of sweeps/digits, trained by its own code.

python3 digits_curves.py > digits-curves.json   (needs numpy)
"""

import json
import math
import pathlib
import random
import sys

SWEEP = pathlib.Path(__file__).resolve().parents[5] / "sweeps" / "digits"
sys.path[:0] = [str(SWEEP), str(SWEEP.parents[1] / "packages" / "python")]

import digits  # noqa: E402
import mlp  # noqa: E402

draw = random.Random(7)


def config():
    """As in sweep.yaml."""
    return {
        "lr": math.exp(draw.uniform(math.log(3e-4), 0)),
        "hidden": draw.choice([16, 24, 32, 40, 48, 56, 64]),
        "batch_size": draw.choice([16, 32, 64, 128]),
        "weight_decay": math.exp(draw.uniform(math.log(1e-6), math.log(1e-2))),
        "optimizer": draw.choice(["sgd", "adam"]),
        "momentum": draw.uniform(0, 0.98),
        "beta2": draw.uniform(0.9, 0.999),
    }


def spelled(value):
    return float(f"{value:.6g}") if math.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")


def train(seed, c):
    if c["optimizer"] == "adam":
        optimizer = mlp.Adam(c["lr"], c["weight_decay"], c["beta2"])
    else:
        optimizer = mlp.Sgd(c["lr"], c["weight_decay"], c["momentum"])
    network = mlp.NumpyMlp(mlp.first_weights(c["hidden"], seed), optimizer, None)
    training, validation = [network.prepare(*part) for part in digits.load(0)]
    curves = {"train_loss": [], "val_loss": [], "val_accuracy": []}
    for epoch in range(1, 28):
        order = list(range(len(training[1])))
        random.Random(f"order {seed} {epoch}").shuffle(order)
        network.train(training, order, c["batch_size"])
        loss, accuracy = network.evaluate(validation)
        curves["train_loss"].append(spelled(network.evaluate(training)[0]))
        curves["val_loss"].append(spelled(loss))
        curves["val_accuracy"].append(spelled(accuracy))
    return {"config": {name: spelled(v) if isinstance(v, float) else v for name, v in c.items()}, **curves}


rows = [json.dumps(train(seed, config())) for seed in range(1, 41)]
print("[\n  " + ",\n  ".join(rows) + "\n]")
