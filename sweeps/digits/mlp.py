"""A perceptron with one hidden layer of ReLUs and a softmax, trained on cross-entropy by SGD with momentum or Adam.

Written twice: `ListMlp` in plain Python and `NumpyMlp` for where numpy is installed. Both start from the same weights,
see the same batches and compute the same updates, so they differ by rounding alone and read each other's checkpoints.
The last weight of every unit is its bias.
"""

import random
from math import exp, log, sqrt
from operator import mul

try:
    import numpy as np
except ImportError:
    np = None

INPUTS, CLASSES = 64, 10
TINY = 1e-12  # keeps log() off zero


def dot(a, b):
    return sum(map(mul, a, b))


def first_weights(hidden, seed):
    """He et al. 2015, equation 10: normal with variance 2 / inputs."""
    gauss = random.Random(f"weights {seed}").gauss

    def layer(units, inputs):
        scale = sqrt(2 / inputs)
        return [[gauss(0, scale) for _ in range(inputs)] + [0.0] for _ in range(units)]

    return [layer(hidden, INPUTS), layer(CLASSES, hidden)]


class ListMlp:
    def __init__(self, weights, optimizer, state=None):
        """`state` is what `state()` gave: weights and what the optimizer remembers."""
        self.optimizer = optimizer
        self.layers, self.moments, self.updates = state or (weights, None, 0)
        if self.moments is None:
            self.moments = [[[[0.0] * len(row) for row in layer] for layer in self.layers] for _ in optimizer.moments]

    def state(self):
        return self.layers, self.moments, self.updates

    @staticmethod
    def prepare(xs, ys):
        return [x + [1.0] for x in xs], ys

    def train(self, data, order, batch_size):
        """One pass over `data` in the given order."""
        xs, ys = data
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            self._update(self._gradients([(xs[i], ys[i]) for i in batch]), len(batch))

    def _forward(self, x):
        first, second = self.layers
        hidden = [z if z > 0.0 else 0.0 for z in [dot(row, x) for row in first]]
        hidden.append(1.0)
        logits = [dot(row, hidden) for row in second]
        top = max(logits)
        exps = [exp(z - top) for z in logits]
        total = sum(exps)
        return hidden, [e / total for e in exps]

    def _gradients(self, batch):
        """Sums over the batch, one row for each unit; None for a hidden unit that was never active."""
        first, second = self.layers
        outgoing = list(zip(*second))
        grads_first = [None] * len(first)
        grads_second = [None] * CLASSES
        for x, y in batch:
            hidden, deltas = self._forward(x)
            deltas[y] -= 1.0
            for k, delta in enumerate(deltas):
                row = grads_second[k]
                if row is None:
                    grads_second[k] = [delta * h for h in hidden]
                else:
                    grads_second[k] = [g + delta * h for g, h in zip(row, hidden)]
            for j in range(len(first)):
                if hidden[j] > 0.0:
                    delta = dot(deltas, outgoing[j])
                    row = grads_first[j]
                    if row is None:
                        grads_first[j] = [delta * v for v in x]
                    else:
                        grads_first[j] = [g + delta * v for g, v in zip(row, x)]
        return [grads_first, grads_second]

    def _update(self, gradients, count):
        self.updates += 1
        step = self.optimizer.list_step(self.updates, count)
        for i, (layer, grads) in enumerate(zip(self.layers, gradients)):
            moments = [moment[i] for moment in self.moments]
            for j, grad in enumerate(grads):
                if grad is None:
                    grad = [0.0] * len(layer[j])
                layer[j] = step(layer[j], grad, moments, j)

    def evaluate(self, data):
        """Mean cross-entropy and share of right answers."""
        xs, ys = data
        loss, right = 0.0, 0
        for x, y in zip(xs, ys):
            shares = self._forward(x)[1]
            loss -= log(shares[y] + TINY)
            right += shares[y] == max(shares)
        return loss / len(ys), right / len(ys)


class NumpyMlp:
    def __init__(self, weights, optimizer, state=None):
        self.optimizer = optimizer
        layers, moments, self.updates = state or (weights, None, 0)
        self.layers = [np.array(layer) for layer in layers]
        if moments is None:
            moments = [[np.zeros_like(layer) for layer in self.layers] for _ in optimizer.moments]
        self.moments = [[np.array(layer) for layer in moment] for moment in moments]

    def state(self):
        moments = [[layer.tolist() for layer in moment] for moment in self.moments]
        return [layer.tolist() for layer in self.layers], moments, self.updates

    @staticmethod
    def prepare(xs, ys):
        return np.hstack([np.array(xs), np.ones((len(xs), 1))]), np.array(ys)

    def train(self, data, order, batch_size):
        xs, ys = data
        with np.errstate(all="ignore"):  # a config that diverges reports NaN; that is news, not an error
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                self._update(self._gradients(xs[batch], ys[batch]), len(batch))

    def _forward(self, xs):
        first, second = self.layers
        hidden = np.ones((len(xs), len(first) + 1))
        np.maximum(xs @ first.T, 0.0, out=hidden[:, :-1])
        logits = hidden @ second.T
        logits -= logits.max(axis=1, keepdims=True)
        exps = np.exp(logits, out=logits)
        exps /= exps.sum(axis=1, keepdims=True)
        return hidden, exps

    def _gradients(self, xs, ys):
        hidden, deltas = self._forward(xs)
        deltas[np.arange(len(ys)), ys] -= 1.0
        back = deltas @ self.layers[1][:, :-1]
        back *= hidden[:, :-1] > 0.0
        return [back.T @ xs, deltas.T @ hidden]

    def _update(self, gradients, count):
        self.updates += 1
        step = self.optimizer.numpy_step(self.updates, count)
        for i, grad in enumerate(gradients):
            step(self.layers[i], grad, [moment[i] for moment in self.moments])

    def evaluate(self, data):
        xs, ys = data
        with np.errstate(all="ignore"):
            shares = self._forward(xs)[1]
        own = shares[np.arange(len(ys)), ys]
        return float(-np.log(own + TINY).mean()), float((own == shares.max(axis=1)).mean())


class Sgd:
    """v = momentum v + g; w = w - lr (v + weight_decay w)."""

    moments = ("velocity",)

    def __init__(self, lr, weight_decay, momentum):
        self.lr, self.weight_decay, self.momentum = lr, weight_decay, momentum

    def list_step(self, updates, count):
        lr, momentum, share, keep = self.lr, self.momentum, 1 / count, 1 - self.lr * self.weight_decay

        def step(weights, grads, moments, j):
            velocity = moments[0][j] = [momentum * v + share * g for v, g in zip(moments[0][j], grads)]
            return [keep * w - lr * v for w, v in zip(weights, velocity)]

        return step

    def numpy_step(self, updates, count):
        def step(weights, grads, moments):
            (velocity,) = moments
            velocity *= self.momentum
            velocity += grads / count
            weights *= 1 - self.lr * self.weight_decay
            weights -= self.lr * velocity

        return step


class Adam:
    """Kingma and Ba 2015, Algorithm 1 in the order of its section 2, with the decoupled weight decay of AdamW."""

    moments = ("first", "second")

    def __init__(self, lr, weight_decay, beta2, beta1=0.9, epsilon=1e-8):
        self.lr, self.weight_decay, self.beta1, self.beta2, self.epsilon = lr, weight_decay, beta1, beta2, epsilon

    def _rate(self, updates):
        return self.lr * sqrt(1 - self.beta2**updates) / (1 - self.beta1**updates)

    def list_step(self, updates, count):
        rate, epsilon, keep = self._rate(updates), self.epsilon, 1 - self.lr * self.weight_decay
        beta1, share1 = self.beta1, (1 - self.beta1) / count
        beta2, share2 = self.beta2, (1 - self.beta2) / count**2

        def step(weights, grads, moments, j):
            first = moments[0][j] = [beta1 * m + share1 * g for m, g in zip(moments[0][j], grads)]
            second = moments[1][j] = [beta2 * m + share2 * g * g for m, g in zip(moments[1][j], grads)]
            return [keep * w - rate * m / (sqrt(v) + epsilon) for w, m, v in zip(weights, first, second)]

        return step

    def numpy_step(self, updates, count):
        rate = self._rate(updates)

        def step(weights, grads, moments):
            first, second = moments
            first *= self.beta1
            first += (1 - self.beta1) / count * grads
            second *= self.beta2
            second += (1 - self.beta2) / count**2 * grads * grads
            weights *= 1 - self.lr * self.weight_decay
            weights -= rate * first / (np.sqrt(second) + self.epsilon)

        return step
