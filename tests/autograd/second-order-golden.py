"""
Writes second-order.golden.json, gradients of gradients from PyTorch 1.13 in float64:  /usr/bin/python3 tests/autograd/second-order-golden.py

Inputs are sines of 0.7 · i + k, made positive (1.5 + sine) where a name begins with 'p'. For y = fn(...), the gradients g of Σ y · cos(i), then
the gradients of Σ g².
"""
import json
import pathlib

import torch
from torch.nn import functional as F

LABELS = torch.tensor([1, 0, 3])
CASES = {
    'pow(2)': (['x34'], lambda x: x ** 2),
    'pow(0.5)': (['p34'], lambda x: x ** 0.5),
    'pow(-1.5)': (['p34'], lambda x: x ** -1.5),
    'pow of two': (['p34', 'x34'], lambda x, y: x ** y),
    'softmax': (['x34'], lambda x: x.softmax(1)),
    'logSoftmax': (['x34'], lambda x: x.log_softmax(0)),
    'layerNorm': (['x34', 'x4', 'x4'], lambda x, w, b: F.layer_norm(x, (4,), w, b)),
    'groupNorm': (['x2433', 'x4', 'x4'], lambda x, w, b: F.group_norm(x, 2, w, b)),
    'batchNorm': (['x2433', 'x4', 'x4'], lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True)),
    'gelu': (['x34'], F.gelu),
    'silu': (['x34'], F.silu),
    'std': (['x34'], lambda x: x.std(1)),
    'prod': (['p34'], lambda x: x.prod(1)),
    'logsumexp': (['x34'], lambda x: x.logsumexp(1)),
    'normalize': (['x34'], F.normalize),
    'conv2d': (['x2433', 'x4222', 'x4'], lambda x, w, b: F.conv2d(x, w, b, padding=1, stride=2, groups=2)),
    'attention': (['x2234', 'y2254', 'z2254'], lambda q, k, v: torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v),
    'crossEntropy': (['x34'], lambda x: F.cross_entropy(x, LABELS)),
    'crossEntropy, smoothed': (['x34'], lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1)),
    'crossEntropy of probabilities': (['x34', 'p34'], F.cross_entropy),
    'binaryCrossEntropyWithLogits': (['x34', 'p34'], F.binary_cross_entropy_with_logits),
    'at': (['x34'], lambda x: x[torch.tensor([0, 2, 2])] ** 3),
}


def make(name, k):
    shape = [int(size) for size in name[1:]]
    sines = torch.sin(0.7 * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + k).reshape(shape)
    return (sines + 1.5 if name[0] == 'p' else sines).requires_grad_()


def second(names, fn):
    inputs = [make(name, k) for k, name in enumerate(names)]
    y = fn(*inputs)
    weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    grads = torch.autograd.grad((y * weights).sum(), inputs, create_graph=True)
    found = torch.autograd.grad(sum((grad * grad).sum() for grad in grads), inputs, allow_unused=True)
    return [[float(f'{value:.8g}') for value in (torch.zeros_like(x) if grad is None else grad).flatten().tolist()] for x, grad in zip(inputs, found)]


golden = {name: {'inputs': names, 'grads': second(names, fn)} for name, (names, fn) in CASES.items()}
text = '{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(case)}' for name, case in golden.items()) + '\n}\n'
pathlib.Path(__file__).with_name('second-order.golden.json').write_text(text)
