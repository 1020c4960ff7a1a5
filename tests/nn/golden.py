"""
Writes golden.json, what PyTorch 1.13 says of layers and functions:  /usr/bin/python3 tests/nn/golden.py

text: what print() shows of a module, by the expression that builds it in golden.test.ts.
draws: after manual_seed(0), each parameter of a new layer (its first numbers and the SHA-1 of all its bytes) and the next random number.
init, orthogonal: the same for the functions of nn.init.
losses: value, gradient of the input and grad_fn.
runs: after manual_seed(seed), a new layer in training and its input (randn, drawn after it); outputs, and of each gradient the sum
of its numbers times the weights ((i * 7919) % 101) / 50 - 1.
functions: inputs, options, outputs.
"""
import hashlib
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def main():
    golden = {'text': text(), 'draws': draws(), 'init': init(), 'orthogonal': orthogonal(), 'losses': losses(), 'runs': runs(), 'functions': functions()}
    path = pathlib.Path(__file__).with_name('golden.json')
    lines = (f'{json.dumps(part)}: {{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(value, separators=(",", ":"))}' for name, value in entries.items()) + '\n}' for part, entries in golden.items())
    path.write_text('{' + ',\n'.join(lines) + '}\n')
    print(f'torch {torch.__version__}, {path.stat().st_size} bytes')


def number(x):
    return x if np.isfinite(x) else 'NaN' if np.isnan(x) else 'Infinity' if x > 0 else '-Infinity'


def numbers(t):
    """float32 as their shortest decimals."""
    return [number(float(str(x))) for x in t.detach().numpy().astype(np.float32).ravel()]


def text():
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True, norm_first=True)
    modules = {
        'Linear': nn.Linear(3, 4),
        'Linear without bias': nn.Linear(3, 4, bias=False),
        'Conv2d': nn.Conv2d(3, 4, 2),
        'Conv2d with all options': nn.Conv2d(4, 8, (3, 1), stride=2, padding=(1, 0), dilation=2, groups=2, bias=False),
        'Conv2d of the same size': nn.Conv2d(3, 4, 3, padding='same'),
        'LayerNorm': nn.LayerNorm(4),
        'LayerNorm of two sizes': nn.LayerNorm([4, 5], eps=1e-6, elementwise_affine=False),
        'BatchNorm1d': nn.BatchNorm1d(4),
        'BatchNorm2d': nn.BatchNorm2d(4, eps=1e-3, momentum=None, affine=False, track_running_stats=False),
        'GroupNorm': nn.GroupNorm(2, 4),
        'Dropout': nn.Dropout(0.1),
        'Embedding': nn.Embedding(10, 3),
        'Embedding with padding': nn.Embedding(10, 3, padding_idx=-1),
        'ReLU': nn.ReLU(),
        'ReLU in place': nn.ReLU(inplace=True),
        'LeakyReLU': nn.LeakyReLU(),
        'LeakyReLU of a slope': nn.LeakyReLU(0.2),
        'GELU': nn.GELU(),
        'GELU tanh': nn.GELU(approximate='tanh'),
        'SiLU': nn.SiLU(),
        'Tanh': nn.Tanh(),
        'Sigmoid': nn.Sigmoid(),
        'Softmax': nn.Softmax(dim=-1),
        'LogSoftmax': nn.LogSoftmax(dim=1),
        'Identity': nn.Identity(),
        'Flatten': nn.Flatten(),
        'MaxPool2d': nn.MaxPool2d(2),
        'MaxPool2d with all options': nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True),
        'AvgPool2d': nn.AvgPool2d(2, padding=1),
        'AvgPool2d of pairs': nn.AvgPool2d((3, 2), stride=(2, 1)),
        'AdaptiveAvgPool2d': nn.AdaptiveAvgPool2d(1),
        'AdaptiveAvgPool2d of pairs': nn.AdaptiveAvgPool2d((None, 7)),
        'Unfold': nn.Unfold(2),
        'Unfold of pairs': nn.Unfold((2, 3), dilation=2, padding=(0, 1), stride=(2, 3)),
        'CrossEntropyLoss': nn.CrossEntropyLoss(),
        'NLLLoss': nn.NLLLoss(),
        'MSELoss': nn.MSELoss(),
        'L1Loss': nn.L1Loss(),
        'SmoothL1Loss': nn.SmoothL1Loss(beta=0.5),
        'HuberLoss': nn.HuberLoss(delta=0.5),
        'BCELoss': nn.BCELoss(),
        'BCEWithLogitsLoss': nn.BCEWithLogitsLoss(),
        'KLDivLoss': nn.KLDivLoss(),
        'MultiheadAttention': nn.MultiheadAttention(8, 2),
        'MultiheadAttention without bias': nn.MultiheadAttention(8, 2, bias=False, kdim=3),
        'TransformerEncoderLayer': layer,
        'TransformerEncoder': nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8)),
        'Sequential': nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Dropout()), nn.Sequential()),
        'ModuleList': nn.ModuleList([nn.Linear(1, 1), nn.Identity()]),
        'empty ModuleList': nn.ModuleList(),
        'ModuleDict': nn.ModuleDict({'conv': nn.Conv2d(1, 2, 3), 'act': nn.ReLU()}),
    }
    return {name: str(module) for name, module in modules.items()}


def fingerprint(t):
    data = t.detach().contiguous().numpy().astype('<f4')
    return [numbers(t.detach().flatten()[:3]), hashlib.sha1(data.tobytes()).hexdigest()]


def draws():
    layers = {
        'Linear': lambda: nn.Linear(5, 3),
        'Linear without bias': lambda: nn.Linear(20, 10, bias=False),
        'Conv2d': lambda: nn.Conv2d(3, 4, 2),
        'Conv2d in groups': lambda: nn.Conv2d(4, 6, (3, 1), groups=2),
        'LayerNorm': lambda: nn.LayerNorm(4),
        'BatchNorm2d': lambda: nn.BatchNorm2d(4),
        'GroupNorm': lambda: nn.GroupNorm(2, 4),
        'Embedding': lambda: nn.Embedding(7, 5),
        'Embedding with padding': lambda: nn.Embedding(3, 4, padding_idx=1),
        'MultiheadAttention': lambda: nn.MultiheadAttention(8, 2),
        'MultiheadAttention without bias': lambda: nn.MultiheadAttention(8, 2, bias=False),
        'MultiheadAttention of other sizes': lambda: nn.MultiheadAttention(8, 2, kdim=3, vdim=5),
        'TransformerEncoderLayer': lambda: nn.TransformerEncoderLayer(8, 2, dim_feedforward=16),
        'TransformerEncoder': lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, dim_feedforward=16), 2),
    }
    result = {}
    for name, build in layers.items():
        torch.manual_seed(0)
        layer = build()
        result[name] = {'parameters': {key: fingerprint(p) for key, p in layer.state_dict().items()}, 'next': numbers(torch.rand(1))[0]}
    return result


def init():
    fill = {
        'uniform_': lambda w: nn.init.uniform_(w, -2, 3),
        'normal_': lambda w: nn.init.normal_(w, 1, 2),
        'constant_': lambda w: nn.init.constant_(w, 0.3),
        'xavierUniform_': lambda w: nn.init.xavier_uniform_(w, gain=2),
        'xavierNormal_': lambda w: nn.init.xavier_normal_(w),
        'kaimingUniform_': lambda w: nn.init.kaiming_uniform_(w, mode='fan_out', nonlinearity='relu'),
        'kaimingNormal_': lambda w: nn.init.kaiming_normal_(w, a=0.2),
        'truncNormal_': lambda w: nn.init.trunc_normal_(w, std=0.02),
        'truncNormal_ between bounds': lambda w: nn.init.trunc_normal_(w, mean=1, std=2, a=0, b=2.5),
    }
    result = {}
    for name, f in fill.items():
        torch.manual_seed(0)
        result[name] = {'value': fingerprint(f(torch.empty(6, 4, 3))), 'next': numbers(torch.rand(1))[0]}
    return result


def orthogonal():
    maps = {
        'eye_': (nn.init.eye_, [2, 3]),
        'dirac_': (nn.init.dirac_, [3, 2, 3]),
        'dirac_ in groups': (lambda w: nn.init.dirac_(w, 2), [4, 2, 2, 3]),
        'orthogonal_': (nn.init.orthogonal_, [3, 3]),
        'orthogonal_, tall': (nn.init.orthogonal_, [8, 5]),
        'orthogonal_, wide, with a gain': (lambda w: nn.init.orthogonal_(w, 2), [4, 3, 2]),
    }
    result = {}
    for name, (f, shape) in maps.items():
        torch.manual_seed(0)
        result[name] = {'shape': shape, 'value': numbers(f(torch.empty(shape))), 'next': numbers(torch.rand(1))[0]}
    return result


def losses():
    """Of x = randn and y = rand, drawn one after the other after manual_seed(0), with corners of the functions in front."""
    calls = {
        'smoothL1Loss': lambda x, y: F.smooth_l1_loss(x, y),
        'smoothL1Loss, beta': lambda x, y: F.smooth_l1_loss(x, y, beta=0.3, reduction='sum'),
        'smoothL1Loss, beta 0': lambda x, y: F.smooth_l1_loss(x + 3, y, beta=0),
        'huberLoss': lambda x, y: F.huber_loss(x, y),
        'huberLoss, delta': lambda x, y: F.huber_loss(x, y, delta=0.3, reduction='sum'),
        'binaryCrossEntropy': lambda x, y: F.binary_cross_entropy(x.clamp(0, 1), y),
        'binaryCrossEntropy, weight': lambda x, y: F.binary_cross_entropy(x.sigmoid(), y, weight=y + 1, reduction='sum'),
    }
    result = {}
    for name, f in calls.items():
        torch.manual_seed(0)
        x, y = torch.randn(4, 5), torch.rand(4, 5)
        y[0, :3] = torch.tensor([0., 1., 1.])
        x[0, :3] = torch.tensor([0., 0., 1.])
        loss = f(x.requires_grad_(), y)
        grad, = torch.autograd.grad(loss, x)
        result[name] = {'value': numbers(loss)[0], 'grad': numbers(grad), 'text': type(loss.grad_fn).__name__}
    return result


def projected(grad):
    flat = grad.detach().double().flatten()
    weights = (torch.arange(flat.numel()) * 7919 % 101).double() / 50 - 1
    return float((flat * weights).sum())


def runs():
    encoder = lambda **options: nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.3, **options)
    cases = {
        'Dropout': (lambda: nn.Dropout(0.3), [4, 5], lambda m, x: m(x)),
        'Dropout of a view': (lambda: nn.Dropout(0.3), [4, 5], lambda m, x: m(x.t())),
        'MultiheadAttention': (lambda: nn.MultiheadAttention(8, 2, dropout=0.3), [5, 2, 8], lambda m, x: m(x, x, x)),
        'MultiheadAttention, batch first': (lambda: nn.MultiheadAttention(8, 4, dropout=0.3, batch_first=True), [2, 5, 8], lambda m, x: m(x, x[:, :3], x[:, :3], average_attn_weights=False)),
        'TransformerEncoderLayer': (lambda: encoder(), [5, 2, 8], lambda m, x: m(x)),
        'TransformerEncoderLayer, batch first': (lambda: encoder(batch_first=True, activation='gelu'), [2, 5, 8], lambda m, x: m(x)),
        'TransformerEncoderLayer, norm first': (lambda: encoder(batch_first=True, norm_first=True), [2, 5, 8], lambda m, x: m(x)),
        'TransformerEncoder': (lambda: nn.TransformerEncoder(encoder(), 2, norm=nn.LayerNorm(8)), [3, 2, 8], lambda m, x: m(x)),
        'BatchNorm2d': (lambda: nn.BatchNorm2d(3, momentum=None), [2, 3, 2, 2], lambda m, x: m(m(x))),
        'GroupNorm': (lambda: nn.GroupNorm(2, 4), [2, 4, 3], lambda m, x: m(x)),
    }
    result = {}
    for seed, (name, (build, shape, call)) in enumerate(cases.items(), 1):
        torch.manual_seed(seed)
        module = build()
        x = torch.randn(shape, requires_grad=True)
        outputs = call(module, x)
        outputs = [y for y in outputs if y is not None] if isinstance(outputs, tuple) else [outputs]
        sum((y * y).sum() for y in outputs).backward()
        result[name] = {
            'seed': seed,
            'outputs': [numbers(y) for y in outputs],
            'grad': projected(x.grad),
            'grads': {key: projected(p.grad) for key, p in module.named_parameters()},
            'buffers': {key: numbers(b) for key, b in module.named_buffers()},
            'next': numbers(torch.rand(1))[0],
        }
    return result


def functions():
    """Of x = randn after manual_seed(0)."""
    torch.manual_seed(0)
    x = torch.randn(2, 2, 3, 5)
    resized = {
        'size': {'size': [5, 4]},
        'size one': {'size': 1},
        'factor': {'scale_factor': 2.0},
        'uneven factors': {'scale_factor': [1.7, 0.6]},
    }
    interpolated = {}
    for name, keywords in resized.items():
        interpolated[f'nearest, {name}'] = F.interpolate(x, **keywords)
        interpolated[f'bilinear, {name}'] = F.interpolate(x, mode='bilinear', **keywords)
        interpolated[f'bilinear, corners aligned, {name}'] = F.interpolate(x, mode='bilinear', align_corners=True, **keywords)
    other = {
        'normalize': F.normalize(x),
        'normalize, p 1': F.normalize(x, p=1, dim=-1),
        'normalize, p 3': F.normalize(x, p=3, dim=2),
        'normalize, p inf': F.normalize(x, p=float('inf'), dim=0),
        'adaptive': F.adaptive_avg_pool2d(x, (2, None)),
        'average, divided by 3': F.avg_pool2d(x, 2, divisor_override=3),
        'leakyRelu': F.leaky_relu(x, 0.2),
        'convolution of the same size': F.conv2d(x, x[:, :, :2, :4], padding='same', dilation=(1, 2)),
        'convolution, valid': F.conv2d(x, x[:, :, :2, :4], padding='valid', stride=2),
        'unfold': F.unfold(x, 2),
        'unfold of pairs': F.unfold(x, (2, 3), dilation=(1, 2), padding=(0, 1), stride=(2, 1)),
        'unfold of one picture': F.unfold(x[0], 3),
        'cosineSimilarity': F.cosine_similarity(x, x.flip(0)),
        'cosineSimilarity, broadcast': F.cosine_similarity(x, x[:1, :, :, :1], dim=-1),
        'norm': x.norm(),
        'norm, along dimensions': x.norm(dim=(1, 2)),
        'norm, p 3': x.norm(3, 1, keepdim=True),
        'norm, p inf': x.norm(float('inf'), 0),
    }
    return {name: [list(y.shape), numbers(y)] for name, y in {**interpolated, **other}.items()}


main()
