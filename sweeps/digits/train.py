"""Trains a small network on handwritten digits. By hand, with any of the parameters below:

PYTHONPATH=../../packages/python python3 train.py --lr=0.1
"""

import json
import random

import digits
import mlp
import sweep

p = sweep.params(
    lr=0.05,
    hidden=48,
    batch_size=32,
    weight_decay=1e-4,
    optimizer="sgd",
    momentum=0.9,  # sgd alone
    beta2=0.999,  # adam alone
    epochs=27,
    split=0,
    backend="numpy" if mlp.np else "lists",
)


def main():
    seed = sweep.info.seed
    if p.optimizer == "adam":
        optimizer = mlp.Adam(p.lr, p.weight_decay, p.beta2)
    else:
        optimizer = mlp.Sgd(p.lr, p.weight_decay, p.momentum)

    checkpoint = sweep.restore()
    state = json.loads((checkpoint.path / "state.json").read_text()) if checkpoint else None
    kind = mlp.NumpyMlp if p.backend == "numpy" else mlp.ListMlp
    network = kind(mlp.first_weights(p.hidden, seed), optimizer, state)
    training, validation = [kind.prepare(*part) for part in digits.load(p.split)]

    for epoch in range(checkpoint.step + 1 if checkpoint else 1, p.epochs + 1):
        # Shuffled by the epoch's own generator, so a resumed training sees what an uninterrupted one would.
        order = list(range(len(training[1])))
        random.Random(f"order {seed} {epoch}").shuffle(order)
        network.train(training, order, p.batch_size)
        loss, accuracy = network.evaluate(validation)

        # With numpy an epoch takes a few milliseconds, less than a decision needs to arrive: hence the wait.
        decision = sweep.report(epoch, val_loss=loss, val_accuracy=accuracy, wait=0.1)
        if decision.save or epoch % 9 == 0:
            with sweep.checkpoint(epoch) as path:
                (path / "state.json").write_text(json.dumps(network.state()))
        if decision.stop:
            break


if __name__ == "__main__":
    main()
