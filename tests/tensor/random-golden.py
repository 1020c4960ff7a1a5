"""Writes random.golden.json, the numbers that PyTorch draws: python3 random-golden.py (torch 1.13.1, CPU, AVX2, no MKL, glibc 2.36)."""
import hashlib
import json
import os

import numpy as np
import torch

SNIPPETS = [
    'torch.rand(8)', 'torch.randn(5)', 'torch.randn(16)', 'torch.randn(19)', '[torch.randn(n) for n in (3, 2, 17, 1)]',
    'torch.empty(6).uniform_(-0.1, 0.3)', 'torch.empty(20).normal_(1.5, 0.3)', 'torch.empty(5, 4).t().normal_(1.5, 0.3).t()',
    'torch.empty(8).exponential_(2)', 'torch.randperm(12)', 'torch.randint(0, 10, (12,))', 'torch.randint(0, 2**40, (3,))',
    'torch.empty(8).bernoulli_(0.25)', 'torch.bernoulli(torch.full((8,), 0.25))', 'torch.bernoulli(torch.arange(16) / 16)',
    'list(torch.nn.Linear(3, 4).parameters())', 'list(torch.nn.Conv2d(2, 3, (2, 3)).parameters())', 'torch.nn.Embedding(6, 3).weight',
    '(lambda m: [m.out_proj.weight, m.in_proj_weight])(torch.nn.MultiheadAttention(4, 2))', 'torch.nn.Dropout(0.3)(torch.ones(16))',
    '(lambda loader: [batch for _ in range(2) for batch in loader])(torch.utils.data.DataLoader(range(10), 4, shuffle=True))',
    'torch.nn.init.trunc_normal_(torch.empty(20), std=0.02)', 'torch.nn.init.trunc_normal_(torch.empty(20), 1, 2, 0, 5)',
]
SEQUENCE = [
    'torch.randn(5)', 'torch.rand(8)', 'torch.randint(0, 10, (12,))', 'torch.randn(19)', 'torch.randperm(12)', 'torch.empty(8).bernoulli_(0.25)',
    'torch.empty(5, 4).t().normal_(1.5, 0.3).t()', 'torch.bernoulli(torch.arange(16) / 16)', 'torch.empty(8).exponential_(2)', 'torch.randn(5)',
    'torch.randint(0, 2**40, (3,))', 'torch.randn(100003)', 'torch.empty(100000).uniform_(-0.1, 0.3)', 'torch.randperm(5000)',
    'torch.nn.init.trunc_normal_(torch.empty(20), 1, 2, 0, 5)', 'torch.nn.init.trunc_normal_(torch.empty(20000), std=0.02)', 'torch.rand(8)',
]
FEW_SEEDS = [0, 1, 42, 123456789, 4294967295]
SEEDS = [0, -3, 2**32 + 7, 2**63 + 5, 2**64 - 1, -2**63, 2718281828459045, 314159265358979323]


def flatten(drawn):
    if isinstance(drawn, list): return np.concatenate([flatten(part) for part in drawn])
    return drawn.detach().reshape(-1).numpy().astype(np.float32)


def draw(snippet):
    return flatten(eval(snippet))


def shortest(value):
    """The shortest decimal that float32 reads back."""
    number = float(str(np.float32(value)))
    assert np.float32(number) == np.float32(value)
    return int(number) if number == int(number) else number


def after_seed(seed, snippets):
    torch.manual_seed(seed)
    return [draw(snippet) for snippet in snippets]


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def states(seed):
    """A fresh seed's state, the one after more draws than the engine has words, and its cached normal after one more, rounded."""
    torch.manual_seed(seed)
    fresh = digest(torch.get_rng_state().numpy())
    draw('torch.rand(700)')
    used = digest(torch.get_rng_state().numpy())
    draw('torch.randn(1)')
    return [fresh, used, shortest(torch.get_rng_state().numpy()[5024:5032].view(np.float64)[0])]


grid = torch.cat([(torch.arange(2**17) * 2**7 + 1) / 2**24, (2**24 - torch.arange(1, 2**14)) / 2**24])
points = torch.tensor([0, 1e-38, 5.732994519e-38, 1.014533362e-37, 1e-9, 0.3, 0.7, 0.7000001, 0.84, 0.9, 0.99, 0.9999, 0.999999, 1 - 2**-24, 1])
golden = {
    'draws': {str(seed): {snippet: [shortest(v) for v in after_seed(seed, [snippet])[0]] for snippet in SNIPPETS} for seed in FEW_SEEDS},
    'sequence': SEQUENCE,
    'sequenceDigests': {str(seed): digest(np.concatenate(after_seed(seed, SEQUENCE))) for seed in SEEDS},
    'states': {str(seed): states(seed) for seed in SEEDS},
    'erfinv': {str(shortest(y)): shortest(y.erfinv()) if y < 1 else 'Infinity' for y in points},
    'erfinvGridDigest': digest(grid.erfinv().numpy()),
}
lines = ['"draws": {\n%s}' % ',\n'.join('"%s": {\n%s}' % (seed, ',\n'.join(f'{json.dumps(s)}: {json.dumps(v)}' for s, v in draws.items()))
                                         for seed, draws in golden['draws'].items())]
lines += [f'"{key}": {json.dumps(golden[key], indent=0)}' for key in golden if key != 'draws']
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'random.golden.json'), 'w') as file: file.write('{\n%s\n}\n' % ',\n'.join(lines))
