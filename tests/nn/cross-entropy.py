"""
Writes cross-entropy.json, what PyTorch 1.13 makes of all combinations of options:  /usr/bin/python3 tests/nn/cross-entropy.py

Each case: shape, whether targets are probabilities, whether there are weights, ignore_index, reduction, label_smoothing; then the sum
of the loss and its sum after multiplication by 1, 2, 3, ..., and both of the gradient of the first sum; NaN is null. Everything is
drawn after manual_seed(0): scores, targets, where they are ignored, weights.
"""
import itertools
import json
import pathlib

import torch
from torch.nn import functional as F


def sums(t):
    flat = t.detach().double().flatten()
    return [None if x.isnan() else float(f'{x:.7g}') for x in (flat.sum(), (flat * torch.arange(1, flat.numel() + 1)).sum())]


def main():
    cases = []
    for shape, soft, weighted, ignored, reduction, smoothing in itertools.product([[5], [4, 5], [2, 5, 3], [2, 5, 2, 2]], [False, True], [False, True], [None, 2, -1], ['mean', 'sum', 'none'], [0, 0.1, 1]):
        if soft and ignored is not None:
            continue
        torch.manual_seed(0)
        classes = 0 if len(shape) == 1 else 1
        places = shape[:classes] + shape[classes + 1:]
        x = torch.randn(shape, requires_grad=True)
        target = torch.randn(shape).softmax(classes) if soft else torch.randint(0, 5, places)
        options = {'reduction': reduction, 'label_smoothing': smoothing}
        if ignored is not None:
            target = torch.where(torch.rand(places) < 0.4, torch.tensor(ignored), target)
            options['ignore_index'] = ignored
        if weighted:
            options['weight'] = torch.rand(5)
        loss = F.cross_entropy(x, target, **options)
        loss.sum().backward()
        cases.append([shape, soft, weighted, ignored, reduction, smoothing, sums(loss), sums(x.grad)])
    path = pathlib.Path(__file__).with_name('cross-entropy.json')
    path.write_text('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases) + '\n]\n')
    print(f'torch {torch.__version__}, {len(cases)} cases, {path.stat().st_size} bytes')


main()
