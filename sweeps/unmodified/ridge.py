"""Fits y = sin(2 pi x) from 20,000 noisy points: a polynomial trained by stochastic gradient descent with an
L2 penalty (ridge regression).

It knows nothing of sweeps. Flags go in, lines such as `epoch=3 val_loss=0.41` come out.
"""

import argparse
import math
import random
from operator import mul


def features(x, degree):
    """Chebyshev polynomials 0..degree on -1..1: powers of x would be too alike for gradient descent."""
    values = [1.0, x]
    while len(values) <= degree:
        values.append(2 * x * values[-1] - values[-2])
    return values[: degree + 1]


def sample(rng, count, degree):
    xs = [rng.uniform(-1, 1) for _ in range(count)]
    return [(features(x, degree), math.sin(2 * math.pi * x) + rng.gauss(0, 0.2)) for x in xs]


def mean_squared_error(weights, data):
    return sum((sum(map(mul, weights, row)) - y) ** 2 for row, y in data) / len(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--l2", type=float, default=1e-3)
    parser.add_argument("--degree", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()

    rng = random.Random(1)
    training = sample(rng, 20_000, args.degree)
    validation = sample(rng, 1_000, args.degree)
    weights = [0.0] * (args.degree + 1)
    for epoch in range(1, args.epochs + 1):
        rng.shuffle(training)
        for row, y in training:
            error = sum(map(mul, weights, row)) - y
            weights = [w - args.lr * (error * v + args.l2 * w) for w, v in zip(weights, row)]
        print(f"epoch={epoch} val_loss={mean_squared_error(weights, validation):.4f}", flush=True)


if __name__ == "__main__":
    main()
