#!/usr/bin/env python3
"""Whole training runs from one seed, in PyTorch, for vitgrad to reproduce.

    python3 generate.py runs FILE SEED...                  writes the small runs that the tests repeat
    python3 generate.py cifar10 FOLDER FILE SEED...        writes the first losses on CIFAR-10 (FOLDER: data_batch_1.bin, ...)

Every run is: manual_seed(seed), the model with its default initial weights, the data, the optimizer, then steps of training with
dropout on, and an evaluation. Losses are computed in float64 from the same float32 weights, data and dropout masks; the tolerances,
20 times the error of PyTorch's own float32 run + 1e-5, cover float32 rounding.
"""

import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'torch-cases'))
from models import Vit  # noqa: E402

torch.set_num_threads(1)


def mlp():
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 3))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(8, 4),
    )


# name: model, shape of the inputs, classes, arguments of SGD, steps (epochs where there is a batch size), batch size
RUNS = {
    'mlp': (mlp, (24, 10), 3, {'lr': 0.1, 'momentum': 0.9}, 12, None),
    'mlp-loader': (mlp, (29, 10), 3, {'lr': 0.1}, 2, 8),
    'cnn': (cnn, (6, 3, 8, 8), 4, {'lr': 0.05, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.001}, 8, None),
    'vit-8': (lambda: Vit(8, 4, None, 2, 4, 0.1, 3), (8, 3, 8, 8), 3, {'lr': 0.02}, 10, None),
    'vit-32': (lambda: Vit(32, 4, None, 2, 4, 0.2, 10), (4, 3, 32, 32), 10, {'lr': 0.02}, 4, None),
}


def in_precision(model, dtype):
    """The model with its weights in `dtype`, without disturbing the generator."""
    state = torch.get_rng_state()
    model = model.to(dtype)
    torch.set_rng_state(state)
    return model


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train(name, seed, dtype):
    make, shape, classes, args, steps, batch_size = RUNS[name]
    torch.manual_seed(seed)
    model = make()
    X = torch.randn(shape)
    y = torch.randint(0, classes, (shape[0],))
    first = {key: p.detach().reshape(-1)[:4].tolist() for key, p in model.named_parameters()}
    model = in_precision(model, dtype)
    X = X.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), **args)
    losses = []
    for _ in range(steps):
        batches = [(X, y)] if batch_size is None else DataLoader(TensorDataset(X, y), batch_size=batch_size, shuffle=True)
        losses += [step(model, optimizer, a, b) for a, b in batches]
    model.eval()
    return {'first': first, 'losses': losses, 'logits': model(X[:4]).detach(), 'random': torch.rand(3).tolist()}


def run(name, seed):
    exact, single = train(name, seed, torch.float64), train(name, seed, torch.float32)
    assert exact['random'] == single['random'], 'both precisions draw the same numbers'
    error = max(abs(p - q) for p, q in zip(exact['losses'], single['losses']))
    logits_error = (exact['logits'] - single['logits']).abs().max().item()
    return {
        'name': name,
        'seed': seed,
        'firstOfEachParameter': exact['first'],
        'losses': exact['losses'],
        'lossesTolerance': 20 * error + 1e-5,
        'logits': exact['logits'].tolist(),
        'logitsTolerance': 20 * logits_error + 1e-5,
        'randomAfterwards': exact['random'],
    }


MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR_RUNS = (
    {'blocks': 6, 'dropout': 0.0, 'lr': 0.02, 'momentum': 0.9},
    {'blocks': 2, 'dropout': 0.1, 'lr': 0.02, 'momentum': 0.0},
)


def images(folder, n):
    """The first n training images: bytes / 255, less the mean, over the standard deviation of each channel, all in float32."""
    raw = np.fromfile(os.path.join(folder, 'data_batch_1.bin'), dtype=np.uint8).reshape(-1, 3073)[:n]
    x = torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    return x, torch.from_numpy(raw[:, 0].astype(np.int64))


def cifar_losses(x, y, seed, settings, dtype, batch_size=64, steps=12):
    torch.manual_seed(seed)
    model = in_precision(Vit(32, 4, None, settings['blocks'], 4, settings['dropout'], 10), dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings['lr'], momentum=settings['momentum'])
    losses = []
    for a, b in DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=True):
        losses.append(step(model, optimizer, a.to(dtype), b))
        if len(losses) == steps:
            return losses


def cifar_run(folder, seed, settings):
    x, y = images(folder, 2048)
    exact, single = (cifar_losses(x, y, seed, settings, dtype) for dtype in (torch.float64, torch.float32))
    error = max(abs(p - q) for p, q in zip(exact, single))
    return {'seed': seed, **settings, 'losses': exact, 'tolerance': 20 * error + 1e-5}


if __name__ == '__main__':
    if sys.argv[1] == 'runs':
        target, seeds = sys.argv[2], map(int, sys.argv[3:])
        result = [run(name, seed) for seed in seeds for name in RUNS]
    else:
        folder, target, seeds = sys.argv[2], sys.argv[3], map(int, sys.argv[4:])
        result = [cifar_run(folder, seed, settings) for seed in seeds for settings in CIFAR_RUNS]
    with open(target, 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(entry) for entry in result) + '\n]\n')
