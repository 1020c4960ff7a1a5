"""
Writes golden.json, what PyTorch 1.13 makes of the lines of expressions.txt:  /usr/bin/python3 tests/expressions/golden.py

Each is evaluated after manual_seed(0). Of a tensor: its printed text with # for each number, its label, shape, strides (null where they
do not matter) and numbers; of a module, its text; of lists, each of these; null where PyTorch refuses. grads: after backward() of the sum
of all outputs times cos(1.7 i + 0.3), of each leaf and parameter among the names.
"""
import ast
import json
import math
import pathlib
import re
import warnings

import torch
from torch import nn, optim
from torch.nn import functional as F

NUMBER = r'-?\d+(\.\d*)?(e[+-]\d+)?|-?\binf\b|\bnan\b'


def main():
    warnings.filterwarnings('ignore')
    folder = pathlib.Path(__file__).parent
    lines = (folder / 'expressions.txt').read_text().splitlines()
    cases = [(line, lines[i + 1].strip()) for i, line in enumerate(lines) if line and not line.startswith(('#', ' '))]
    golden = [{'python': python, 'vitgrad': ours, **evaluate(python)} for python, ours in cases]
    (folder / 'golden.json').write_text('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in golden) + '\n]\n')
    print(f'torch {torch.__version__}, {len(golden)} expressions, {sum(case["result"] is None for case in golden)} refused')


def evaluate(python):
    torch.manual_seed(0)
    names = {'torch': torch, 'nn': nn, 'optim': optim, 'F': F}
    library = set(names)
    *statements, last = ast.parse(python).body
    try:
        exec(compile(ast.Module(statements, []), python, 'exec'), names)
        result = eval(compile(ast.Expression(last.value), python, 'eval'), names)
    except Exception:
        return {'result': None}
    if not isinstance(result, (torch.Tensor, nn.Module, str, int, float, tuple, list, type(None))):
        result = list(result)
    own = {name: value for name, value in names.items() if name not in library and name != '__builtins__'}
    return {'result': described(result), 'grads': gradients(result, own)}


def described(x):
    if isinstance(x, torch.Tensor):
        strides = [stride if size > 1 and x.numel() > 0 else None for size, stride in zip(x.shape, x.stride())]
        return {'text': re.sub(NUMBER, '#', str(x)), 'dtype': str(x.dtype).split('.')[1], 'shape': list(x.shape), 'strides': strides, 'data': numbers(x)}
    if isinstance(x, nn.Module):
        return {'module': str(x)}
    if isinstance(x, (tuple, list)):
        return {'list': [described(item) for item in x]}
    return {'value': number(x) if isinstance(x, float) else x}


def tensors(x):
    if isinstance(x, torch.Tensor):
        return [x] if x.grad_fn else []
    return [t for item in x for t in tensors(item)] if isinstance(x, (tuple, list)) else []


def gradients(result, own):
    """None where nothing has a gradient, or PyTorch has none for it."""
    outputs = tensors(result)
    if not outputs:
        return None
    try:
        sum((t * torch.cos(torch.arange(t.numel()) * 1.7 + 0.3).reshape(t.shape)).sum() for t in outputs).backward()
    except RuntimeError:
        return None
    leaves = {name: x for name, x in own.items() if isinstance(x, torch.Tensor) and x.is_leaf and x.requires_grad}
    leaves |= {f'{name}.{key}': p for name, x in own.items() if isinstance(x, nn.Module) for key, p in x.named_parameters()}
    return {name: None if x.grad is None else numbers(x.grad) for name, x in leaves.items()}


def number(x):
    return float(f'{x:.9g}') if math.isfinite(x) else 'NaN' if math.isnan(x) else 'Infinity' if x > 0 else '-Infinity'


def numbers(t):
    return [number(float(x)) for x in t.detach().reshape(-1).tolist()]


if __name__ == '__main__':
    main()
