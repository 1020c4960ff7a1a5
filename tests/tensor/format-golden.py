"""
Writes format.golden.json, tensors beside the text that PyTorch prints for them:  /usr/bin/python3 tests/tensor/format-golden.py

Each case is {shape, dtype, suffixes, text} with either the numbers themselves (data: float32 as shortest decimals; NaN, Infinity
and -Infinity as strings) or, for large tensors, a rule: number i is (i * 7919 % modulus - shift) * scale, multiplied in float32.
"""
import json
import math
import pathlib
import random

import torch

TYPES = {'float32': torch.float32, 'int64': torch.int64, 'bool': torch.bool}


def main():
    random.seed(1)
    torch.manual_seed(1)
    cases = [*fixed_cases(), *(short(random_case) for _ in range(320)), *(short(random_large_case) for _ in range(60))]
    lines = ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases)
    path = pathlib.Path(__file__).with_name('format.golden.json')
    path.write_text(f'[\n{lines}\n]\n')
    print(f'{len(cases)} cases of torch {torch.__version__}, {path.stat().st_size} bytes')


def short(draw, longest=1500):
    """A case whose text keeps the file small: the first that is short enough."""
    while len((case := draw())['text']) > longest:
        pass
    return case


def fixed_cases():
    """The corners: each notation, each boundary between two, exact ties, empty tensors, the threshold."""
    inf, nan = math.inf, math.nan
    lists = [
        0.5, 0.0, -0.0, 7.0, nan, -inf, 1e-5, 1e9, 0.03125,
        [1, 2], [-1, 0, 1], [0.1, 2], [-0.0, 0.5], [-0.0, 1e-6], [0.0, 0.0], [-0.0, -0.0],
        [1, 1000], [1, 1001], [0.5, 500], [0.5, 500.5], [1e8, 1e8], [100000008, 100000008], [99999992.0], [1e8, 1.5e8 + 0.5],
        [1e-4, 0.05], [1.0001e-4, 0.05], [0.0001, 0.0001],
        [nan, nan], [inf, -inf], [1, nan], [1, -inf, 2], [0.5, nan, inf, -inf], [1e-9, nan, -inf], [0, nan], [100, nan, inf],
        [0.03125, 0.09375, 0.15625, 0.21875, -0.03125, 2.28125, 3.96875, 7.03125], [9.96875, 0.99995, 9.99995, 99.99995],
        [1000050, 1000150, -1000250, 1, 9999950, 99999500], [1.00005e9, 1.00015e6, 3], [1.5258789e-05, 3.0517578e-05],
        [1e-45, 3.4028235e38], [1e-45], [3.4028235e38], [1.1754944e-38, 1], [1e10, 1e-10], [9.99995e9, 9.999951e-9],
    ]
    yield from (describe(torch.tensor(values, dtype=torch.float32)) for values in lists)
    for shape in [(0,), (2, 0), (0, 3, 4), (1, 0, 1), (2,) * 18 + (0,), (2,) * 19 + (0,), (2,) * 26 + (0,)]:
        yield from (describe(torch.empty(shape, dtype=dtype)) for dtype in TYPES.values())
        yield describe(torch.empty(shape, requires_grad=True))
        yield describe(torch.empty(shape, requires_grad=True) * 1)
    # Two suffixes that just share, or just do not share, a line.
    for ndim in range(10, 20):
        yield from (describe(with_history(torch.empty((2,) * ndim + (0,)), grad)) for grad in ['leaf', 'mul', 'long'])
    for values in [0, -5, 2 ** 53 - 1, [1, 20, -300], [0, 0], list(range(40)), [[2 ** 40, 1], [0, -2 ** 52]]]:
        yield describe(torch.tensor(values, dtype=torch.int64))
    for values in [True, False, [True, True], [True, False], [[True] * 30, [False] * 30]]:
        yield describe(torch.tensor(values))
    for shape in [(1000,), (1001,), (1, 1001), (1001, 1), (6, 167), (7, 143), (3, 3, 3, 3, 13), (7, 7, 21)]:
        yield describe_rule(shape, 2003, 1000, random.choice([1, 0.25, 0.001]), 'float32')
    # Rows whose length passes that of a line, one character at a time, then the same with what follows the numbers.
    for length in range(6, 14):
        for grad in [None, 'leaf', 'mul']:
            yield describe(with_history(torch.arange(length) + 0.5, grad))
    for digits in range(1, 9):
        for grad in ['leaf', 'mul', 'long']:
            yield describe(with_history(torch.full((5,), 10.0 ** digits - 1), grad))


def random_case():
    dtype = random.choices(list(TYPES), [8, 1, 1])[0]
    shape = random_shape()
    if dtype == 'bool':
        return describe(torch.rand(shape) < random.random())
    if dtype == 'int64':
        return describe(torch.randint(-10 ** random.randint(0, 12), 10 ** random.randint(1, 15), shape))
    return describe(with_history(random_floats(shape), random.choice([None, None, 'leaf', 'mul', 'expand', 'long'])))


def random_shape():
    ndim = random.choice([0, 1, 1, 1, 2, 2, 3, 4, 5])
    longest = [0, 30, 8, 4, 3, 3][ndim]
    shape = [random.randint(1, longest) for _ in range(ndim)]
    if ndim >= 2 and random.random() < 0.2:
        shape[-1] = random.randint(9, 16)
    if ndim and random.random() < 0.03:
        shape[random.randrange(ndim)] = 0
    return shape


def random_floats(shape):
    normal = torch.randn(shape)
    kind = random.choice(['plain', 'scaled', 'spread', 'whole', 'ties', 'decimal ties'])
    if kind == 'scaled':
        normal = normal * 10.0 ** random.uniform(-6, 9)
    elif kind == 'spread':
        reach = random.choice([1, 2, 4, 30])
        normal = normal * 10.0 ** (torch.rand(shape) * 2 * reach - reach)
    elif kind == 'whole':
        normal = (normal * 10.0 ** random.uniform(0, random.choice([2, 4, 10]))).round()
    elif kind == 'ties':
        normal = (normal * random.choice([10, 1000])).round() / 32
    elif kind == 'decimal ties':
        # Six digits, the last a 5: a tie of the scientific notation wherever float32 holds it exactly.
        normal = (torch.randint(10000, 99999, shape) * 10 + 5) * 10.0 ** torch.randint(0, random.randint(1, 6), shape)
    for special in [math.nan, math.inf, -math.inf, 0.0, -0.0]:
        if random.random() < 0.12:
            normal = torch.where(torch.rand(shape) < random.choice([0.1, 0.5]), torch.tensor(special), normal)
    return normal.float()


def random_large_case():
    ndim = random.randint(1, 5)
    shape = [random.randint(2, [0, 9000, 150, 30, 12, 8][ndim]) for _ in range(ndim)]
    while math.prod(shape) <= 1000:
        shape[random.randrange(ndim)] *= random.randint(2, 4)
    dtype = random.choices(list(TYPES), [6, 1, 1])[0]
    modulus = random.choice([2, 3, 100, 1009, 100003])
    scale = random.choice([1, 1, 0.5, 0.01, 1e-6, 1e20, 1e-30]) if dtype == 'float32' else 1
    return describe_rule(shape, modulus, random.choice([0, 1, modulus // 2]), scale, dtype, random.choice([None, 'leaf', 'mul', 'long']))


def with_history(t, grad):
    """The same numbers as a tensor that needs gradients: a leaf, or the result of an operation with a short or a long name."""
    if grad is None:
        return t
    leaf = t.clone().requires_grad_()
    if grad == 'leaf':
        return leaf
    if grad == 'mul':
        return leaf * 1
    if grad == 'expand':
        return leaf.expand(t.shape)
    return CopyThroughAnOperationWithALongName.apply(leaf)


class CopyThroughAnOperationWithALongName(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()


def describe(t):
    dtype = str(t.dtype).removeprefix('torch.')
    return {'shape': list(t.shape), 'dtype': dtype, 'suffixes': suffixes(t), 'data': [number(v, dtype) for v in t.flatten().tolist()], 'text': str(t)}


def describe_rule(shape, modulus, shift, scale, dtype, grad=None):
    steps = torch.arange(math.prod(shape)) * 7919 % modulus - shift
    t = (steps.float() * torch.tensor(scale, dtype=torch.float32) if dtype == 'float32' else steps.to(TYPES[dtype])).reshape(shape)
    t = with_history(t, grad) if dtype == 'float32' else t
    rule = {'modulus': modulus, 'shift': shift, 'scale': scale}
    return {'shape': list(shape), 'dtype': dtype, 'suffixes': suffixes(t), 'rule': rule, 'text': str(t)}


def suffixes(t):
    """What a tensor knows beyond its numbers."""
    if t.grad_fn is not None:
        return [f'grad_fn=<{type(t.grad_fn).__name__}>']
    return ['requires_grad=True'] if t.requires_grad else []


def number(value, dtype):
    if dtype != 'float32':
        return int(value)
    if math.isnan(value):
        return 'NaN'
    if math.isinf(value):
        return 'Infinity' if value > 0 else '-Infinity'
    return next(short for digits in range(1, 10) for short in [float(f'{value:.{digits}g}')] if torch.tensor(short).item() == value)


if __name__ == '__main__':
    main()
