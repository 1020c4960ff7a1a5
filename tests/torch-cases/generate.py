#!/usr/bin/env python3
"""Draws cases from PyTorch (1.13 or later, with numpy): calls with their inputs, outputs and gradients.

    python3 generate.py SEED FOLDER [--families a,b,...] [--scale 1.0]     writes FOLDER/<family>.json
    python3 generate.py --replay FOLDER                                    recomputes every case from the JSON alone
    python3 generate.py --archive FILE                                     writes the small set that the tests run, gzipped

FAMILY  {"family","seed","torch","cases":[CASE]}
CASE    {"id","op","attrs":{..},"inputs":[OPERAND],"outputs":[TENSOR],"cotangents":[TENSOR|null],"grads":[TENSOR|null per input]}
OPERAND {"name","base":TENSOR,"view":[[verb,...args],...],"requires_grad"}: `base` (contiguous) with the view verbs applied in
        order: ["transpose",d0,d1] ["permute",[..]] ["slice",dim,start,end,step] ["select",dim,i] ["expand",[..]]
        ["unsqueeze",d] ["reshape",[..]]. Gradients are with respect to `base`.
TENSOR  {"dtype":"float32"|"int64"|"bool","shape":[..],"data":[flat row-major]}: floats are the shortest decimals of a float32,
        "NaN", "Infinity", "-Infinity" as strings, bools 0 or 1; a computed tensor also has "tol", the largest absolute error allowed.
grads   of the scalar: the sum over outputs of sum(output * cotangent). A null cotangent: the output is not differentiable.

Cases of modules also have "module":{"type","args"}, "params":{name:TENSOR}, "param_grads":{name:TENSOR}, "buffers", "buffers_after".

Expected values are computed in float64 from the float32 inputs and rounded once to float32. "tol" is 10 times the larger of two
errors (the one that PyTorch's own float32 run makes on this very case; the change when the inputs move by about one float32 ulp)
+ 1e-6 * max|expected| + 1e-7: a correct float32 implementation passes with room.

Other families: optim (explicit gradients in, parameters after each step), sched (learning rate and momentum or betas per step), clip,
graph (random programs: a list of {"op","in","attrs"}; value k + number of inputs is the result of instruction k), train (losses and
final parameters of a few steps), errors (calls that PyTorch refuses).
"""

import gzip
import json
import math
import os
import sys
import warnings
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import models

torch.set_num_threads(1)
warnings.filterwarnings('ignore')


# ---------------------------------------------------------------- tensors <-> JSON
def encode(a, tol=None):
    """A tensor or array as the files hold it."""
    if isinstance(a, torch.Tensor):
        a = a.detach().cpu().numpy()
    a = np.asarray(a)
    if a.dtype == np.bool_:
        d, dt = a.reshape(-1).astype(int).tolist(), 'bool'
    elif a.dtype.kind in 'iu':
        d, dt = a.reshape(-1).tolist(), 'int64'
    else:
        with np.errstate(over='ignore'):
            a = a.astype(np.float32)
        dt = 'float32'
        d = [float(s) for s in a.reshape(-1).astype(str)]
        if not np.isfinite(a).all():
            d = [v if math.isfinite(v) else ('NaN' if v != v else 'Infinity' if v > 0 else '-Infinity') for v in d]
    r = {'dtype': dt, 'shape': list(a.shape), 'data': d}
    if tol is not None:
        r['tol'] = float('%.3g' % tol)
    return r


def decode(j):
    """The array that encode() wrote."""
    dt = {'float32': np.float32, 'int64': np.int64, 'bool': np.bool_}[j['dtype']]
    return np.array([float(v) if isinstance(v, str) else v for v in j['data']], dtype=dt).reshape(j['shape'])


def view(t, steps):
    """The tensor seen through the view verbs, in order."""
    for s in steps:
        v, *a = s
        if v == 'slice':
            t = t[(slice(None),) * a[0] + (slice(a[1], a[2], a[3]),)]
        elif v == 'permute':
            t = t.permute(a[0])
        elif v == 'expand':
            t = t.expand(a[0])
        elif v == 'reshape':
            t = t.reshape(a[0])
        else:
            t = getattr(t, v)(*a)
    return t


def expected(want64, got32, perturbed=None):
    """The exact result with its tolerance, from PyTorch's float32 result and the exact result of inputs moved by about one float32 ulp."""
    w = want64.detach().numpy()
    g = got32.detach().numpy()
    if w.dtype.kind != 'f':
        return encode(w)
    with np.errstate(all='ignore'):
        w32 = w.astype(np.float32)
        bad = ~np.isfinite(g) | ~np.isfinite(w32)
        w32 = np.where(bad, g, w32)  # overflow, NaN: what float32 PyTorch says
        err = float(np.max(np.abs(np.where(bad, 0, g.astype(np.float64) - w)), initial=0))
        largest = float(np.max(np.abs(np.where(bad, 0, w)), initial=0))
        if perturbed is not None:
            p = float(np.max(np.abs(np.where(bad, 0, perturbed.detach().numpy() - w)), initial=0))
            if p < 1e-3 * largest + 1e-6:
                err = max(err, p)  # larger: a tie or a kink was moved, not rounding
            else:
                ill_conditioned.append(p)
        if largest > 1e4 or (largest > 1e-3 and err > 2e-5 * largest):
            ill_conditioned.append(largest)
    return encode(w32, 10 * err + 1e-6 * largest + 1e-7)


ill_conditioned = []  # random programs that are badly conditioned are drawn again


# ---------------------------------------------------------------- operations: t holds the tensors, a the attributes
def sdpa(t, a):
    """What F.scaled_dot_product_attention of PyTorch 2 computes."""
    q, k, v = t[:3]
    s = q @ k.transpose(-2, -1) * (a.get('scale') or 1 / math.sqrt(q.shape[-1]))
    if a.get('is_causal'):
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -math.inf)
    if len(t) > 3:
        s = s.masked_fill(~t[3], -math.inf) if t[3].dtype == torch.bool else s + t[3]
    return F.softmax(s, -1) @ v


def dims(a):
    """The keyword arguments of a reduction."""
    return {k: (tuple(a[k]) if isinstance(a[k], list) else a[k]) for k in ('dim', 'keepdim') if k in a and a[k] is not None}


def reduction(name):
    """The function of torch of that name."""

    def f(t, a):
        k = dims(a)
        if name in ('var', 'std'):
            k['unbiased'] = a.get('unbiased', True)
            k.setdefault('dim', tuple(range(t[0].dim())))
        return getattr(torch, name)(t[0], **k)

    return f


def conv2d(t, a):
    """F.conv2d. Some kernels of PyTorch 1.13 refuse weights that are not contiguous."""
    x, weight, bias = [*t, None][:3]
    return F.conv2d(x, weight.contiguous(), bias, stride=a['stride'], padding=a['padding'], dilation=a['dilation'], groups=a['groups'])


OPERATIONS = {
    'add': lambda t, a: t[0] + t[1],
    'sub': lambda t, a: t[0] - t[1],
    'mul': lambda t, a: t[0] * t[1],
    'div': lambda t, a: t[0] / t[1],
    'pow': lambda t, a: t[0] ** t[1],
    'maximum': lambda t, a: torch.maximum(t[0], t[1]),
    'minimum': lambda t, a: torch.minimum(t[0], t[1]),
    'add_scalar': lambda t, a: t[0] + a['s'],
    'sub_scalar': lambda t, a: t[0] - a['s'],
    'rsub_scalar': lambda t, a: a['s'] - t[0],
    'mul_scalar': lambda t, a: t[0] * a['s'],
    'div_scalar': lambda t, a: t[0] / a['s'],
    'rdiv_scalar': lambda t, a: a['s'] / t[0],
    'pow_scalar': lambda t, a: t[0] ** a['s'],
    'gt': lambda t, a: t[0] > t[1],
    'ge': lambda t, a: t[0] >= t[1],
    'lt': lambda t, a: t[0] < t[1],
    'le': lambda t, a: t[0] <= t[1],
    'eq': lambda t, a: t[0] == t[1],
    'relu': lambda t, a: F.relu(t[0]),
    'tanh': lambda t, a: torch.tanh(t[0]),
    'sigmoid': lambda t, a: torch.sigmoid(t[0]),
    'exp': lambda t, a: torch.exp(t[0]),
    'log': lambda t, a: torch.log(t[0]),
    'sqrt': lambda t, a: torch.sqrt(t[0]),
    'neg': lambda t, a: -t[0],
    'abs': lambda t, a: torch.abs(t[0]),
    'sin': lambda t, a: torch.sin(t[0]),
    'cos': lambda t, a: torch.cos(t[0]),
    'silu': lambda t, a: F.silu(t[0]),
    'leaky_relu': lambda t, a: F.leaky_relu(t[0], a['negative_slope']),
    'gelu': lambda t, a: F.gelu(t[0], approximate=a['approximate']),
    'clamp': lambda t, a: torch.clamp(t[0], **{k: a[k] for k in ('min', 'max') if a.get(k) is not None}),
    'where': lambda t, a: torch.where(t[0], t[1], t[2]),
    'masked_fill': lambda t, a: t[0].masked_fill(t[1], a['value']),
    'matmul': lambda t, a: t[0] @ t[1],
    'bmm': lambda t, a: torch.bmm(t[0], t[1]),
    'sum': reduction('sum'),
    'mean': reduction('mean'),
    'var': reduction('var'),
    'std': reduction('std'),
    'amax': reduction('amax'),
    'amin': reduction('amin'),
    'prod': lambda t, a: torch.prod(t[0], **dims(a)),
    'max': lambda t, a: tuple(torch.max(t[0], **dims(a))) if a.get('dim') is not None else torch.max(t[0]),
    'min': lambda t, a: tuple(torch.min(t[0], **dims(a))) if a.get('dim') is not None else torch.min(t[0]),
    'argmax': lambda t, a: torch.argmax(t[0], **dims(a)),
    'logsumexp': lambda t, a: torch.logsumexp(t[0], **dims(a)),
    'softmax': lambda t, a: F.softmax(t[0], a['dim']),
    'log_softmax': lambda t, a: F.log_softmax(t[0], a['dim']),
    'transpose': lambda t, a: t[0].transpose(a['dim0'], a['dim1']),
    'permute': lambda t, a: t[0].permute(a['dims']),
    'reshape': lambda t, a: t[0].reshape(a['shape']),
    'flatten': lambda t, a: t[0].flatten(a['start_dim'], a['end_dim']),
    'expand': lambda t, a: t[0].expand(a['shape']),
    'squeeze': lambda t, a: t[0].squeeze() if a.get('dim') is None else t[0].squeeze(a['dim']),
    'unsqueeze': lambda t, a: t[0].unsqueeze(a['dim']),
    'slice': lambda t, a: t[0][tuple(slice(*s) for s in a['slices'])],
    'select': lambda t, a: t[0].select(a['dim'], a['index']),
    'index_select': lambda t, a: t[0].index_select(a['dim'], t[1]),
    'gather': lambda t, a: t[0].gather(a['dim'], t[1]),
    'index': lambda t, a: t[0][t[1]],
    'index2': lambda t, a: t[0][t[1], t[2]],  # t[1] int64 (rows) or bool mask of a prefix of the shape
    'cat': lambda t, a: torch.cat(list(t), a['dim']),
    'stack': lambda t, a: torch.stack(list(t), a['dim']),
    'split': lambda t, a: torch.split(t[0], a['split_size_or_sections'], a['dim']),
    'chunk': lambda t, a: torch.chunk(t[0], a['chunks'], a['dim']),
    'unbind': lambda t, a: torch.unbind(t[0], a['dim']),
    'pad': lambda t, a: F.pad(t[0], a['pad'], value=a['value']),
    'flip': lambda t, a: t[0].flip(a['dims']),
    'roll': lambda t, a: t[0].roll(a['shifts'], a['dims']),
    'repeat': lambda t, a: t[0].repeat(a['repeats']),
    'tril': lambda t, a: t[0].tril(a['diagonal']),
    'triu': lambda t, a: t[0].triu(a['diagonal']),
    'cumsum': lambda t, a: t[0].cumsum(a['dim']),
    'conv2d': conv2d,
    'max_pool2d': lambda t, a: F.max_pool2d(t[0], a['kernel_size'], a['stride'], a['padding'], ceil_mode=a['ceil_mode']),
    'avg_pool2d': lambda t, a: F.avg_pool2d(
        t[0], a['kernel_size'], a['stride'], a['padding'], ceil_mode=a['ceil_mode'], count_include_pad=a['count_include_pad']
    ),
    'adaptive_avg_pool2d': lambda t, a: F.adaptive_avg_pool2d(t[0], a['output_size']),
    'layer_norm': lambda t, a: F.layer_norm(
        t[0], a['normalized_shape'], t[1] if len(t) > 1 else None, t[2] if len(t) > 2 else None, a['eps']
    ),
    'linear': lambda t, a: F.linear(t[0], t[1], t[2] if len(t) > 2 else None),
    'embedding': lambda t, a: F.embedding(t[0], t[1], padding_idx=a.get('padding_idx')),
    'sdpa': sdpa,
    'cross_entropy': lambda t, a: F.cross_entropy(
        t[0], t[1], weight=t[2] if len(t) > 2 else None, **{k: a[k] for k in ('ignore_index', 'reduction', 'label_smoothing') if k in a}
    ),
    'nll_loss': lambda t, a: F.nll_loss(t[0], t[1], weight=t[2] if len(t) > 2 else None, reduction=a['reduction']),
    'mse_loss': lambda t, a: F.mse_loss(t[0], t[1], reduction=a['reduction']),
    'l1_loss': lambda t, a: F.l1_loss(t[0], t[1], reduction=a['reduction']),
    'bce_with_logits': lambda t, a: F.binary_cross_entropy_with_logits(
        t[0],
        t[1],
        weight=t[2 + a['has_pos_weight']] if a['has_weight'] else None,
        pos_weight=t[2] if a['has_pos_weight'] else None,
        reduction=a['reduction'],
    ),
    'kl_div': lambda t, a: F.kl_div(t[0], t[1], reduction=a['reduction'], log_target=a['log_target']),
    # several uses of one tensor
    'x*x+x': lambda t, a: t[0] * t[0] + t[0],
    'x@x.T@x': lambda t, a: t[0] @ t[0].transpose(-1, -2) @ t[0],
    'softmax(x)*x.sum': lambda t, a: F.softmax(t[0], -1) * t[0].sum(-1, keepdim=True),
    'diamond': lambda t, a: (lambda y: torch.tanh(y) * torch.sigmoid(y) + y)(t[0] * t[1]),
    'cat_self': lambda t, a: torch.cat([t[0], t[0] * 2, t[0]], 0),
    'chain': lambda t, a: chain(t[0], a),  # y = tanh(y * s + b), n times
}


def chain(x, a):
    for i in range(a['n']):
        x = torch.tanh(x * a['s'] + a['b'])
    return x


# ---------------------------------------------------------------- modules: t holds the tensors, a the attributes of the call
class MultiheadAttentionCall(nn.Module):
    def __init__(self, **k):
        super().__init__()
        self.m = nn.MultiheadAttention(**k)

    def forward(self, t, a):
        o, w = self.m(
            t[0],
            t[1],
            t[2],
            key_padding_mask=t[a['kpm']] if a.get('kpm') else None,
            attn_mask=t[a['am']] if a.get('am') else None,
            need_weights=True,
            average_attn_weights=a['average'],
        )
        return o, w


class TransformerEncoderLayerCall(nn.Module):
    def __init__(self, **k):
        super().__init__()
        self.m = nn.TransformerEncoderLayer(**k)

    def forward(self, t, a):
        return self.m(t[0], src_mask=t[a['am']] if a.get('am') else None, src_key_padding_mask=t[a['kpm']] if a.get('kpm') else None)


class NotebookAttentionCall(nn.Module):
    def __init__(self, **k):
        super().__init__()
        self.m = models.MultiHeadAttention(**k)

    def forward(self, t, a):
        o = self.m(t[0], t[1], t[2], t[3] if len(t) > 3 else None)
        return o, self.m.attention.attention_weights


class UnaryCall(nn.Module):
    """A module of one tensor. Contiguous, because batch norm of PyTorch 1.13 has wrong gradients for some permuted inputs."""

    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, t, a):
        return self.m(t[0].contiguous())


class PreNormViT(nn.Module):
    """image (B,c,s,s) -> logits; pre-norm, class token first, GELU, final LayerNorm, learned position embedding"""

    def __init__(self, image, patch, channels, dim, depth, heads, mlp, classes):
        super().__init__()
        self.patch = nn.Conv2d(channels, dim, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.zeros(1, (image // patch) ** 2 + 1, dim))
        self.layers = nn.Sequential(
            *[nn.TransformerEncoderLayer(dim, heads, mlp, 0.0, 'gelu', batch_first=True, norm_first=True) for _ in range(depth)]
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.layers(x))[:, 0])


def small_cnn(a):
    return nn.Sequential(
        nn.Conv2d(a['cin'], 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, a['classes']),
    )


MODULES = {
    'Linear': lambda a: UnaryCall(nn.Linear(**a)),
    'Conv2d': lambda a: UnaryCall(nn.Conv2d(**a)),
    'LayerNorm': lambda a: UnaryCall(nn.LayerNorm(**a)),
    'BatchNorm1d': lambda a: UnaryCall(nn.BatchNorm1d(**a)),
    'BatchNorm2d': lambda a: UnaryCall(nn.BatchNorm2d(**a)),
    'Embedding': lambda a: UnaryCall(nn.Embedding(**a)),
    'd2l.MultiHeadAttention': lambda a: NotebookAttentionCall(**a),
    'MultiheadAttention': lambda a: MultiheadAttentionCall(**a),
    'TransformerEncoderLayer': lambda a: TransformerEncoderLayerCall(**a),
    'MLP': lambda a: UnaryCall(
        nn.Sequential(
            nn.Linear(a['i'], a['h']),
            getattr(nn, a['act'])(),
            nn.Linear(a['h'], a['h']),
            getattr(nn, a['act'])(),
            nn.Linear(a['h'], a['o']),
        )
    ),
    'CNN': lambda a: UnaryCall(small_cnn(a)),
    'PreNormViT': lambda a: UnaryCall(PreNormViT(**a)),
    'SeedTransformerBlock': lambda a: UnaryCall(models.TransformerBlock(**a)),
    'SeedVit': lambda a: UnaryCall(models.Vit(**a)),  # the repaired notebook Vit: class token first, residual after norm1
}


def strip(n):
    return n[2:] if n.startswith('m.') else n


def fill(mod, rng):
    """Draws parameters and running statistics."""
    for n, p in mod.named_parameters():
        s = 1.0 if n.endswith(('cls', 'pos_emb', 'pos')) else 1 / math.sqrt(max(1, p[0].numel())) if p.dim() > 1 else 0.3
        v = rng.standard_normal(tuple(p.shape)) * s
        if (
            'norm' in n
            and n.endswith('weight')
            or isinstance(mod, UnaryCall)
            and isinstance(mod.m, (nn.LayerNorm, nn.modules.batchnorm._BatchNorm))
            and n.endswith('weight')
        ):
            v = 1 + v
        p.data = torch.from_numpy(v.astype(np.float32))
    for n, b in mod.named_buffers():
        if n.endswith('running_mean'):
            b.copy_(torch.from_numpy(rng.standard_normal(tuple(b.shape)).astype(np.float32)))
        if n.endswith('running_var'):
            b.copy_(torch.from_numpy((0.5 + rng.random(tuple(b.shape))).astype(np.float32)))
    return mod


# ---------------------------------------------------------------- running a case
def cast(a, dt):
    """The tensor of an array, in precision dt if it holds floats."""
    t = torch.from_numpy(np.ascontiguousarray(a)).reshape(a.shape)
    return t.to(dt) if t.dtype == torch.float32 else t


def execute(c, dt, mod=None, jitter=None):
    """Runs a case forward in precision dt, with its inputs moved by about one float32 ulp if jitter is given: leaves, outputs."""
    leaves = [cast(decode(i['base']), dt) for i in c['inputs']]
    if jitter is not None:
        leaves = [
            l * (1 + torch.from_numpy(np.asarray(jitter.standard_normal(tuple(l.shape)) * 6e-8))) if l.dtype.is_floating_point else l
            for l in leaves
        ]
    for l, i in zip(leaves, c['inputs']):
        l.requires_grad_(bool(i['requires_grad']))
    t = [view(l, i['view']) for l, i in zip(leaves, c['inputs'])]
    if mod is not None:
        out = mod(t, c['attrs'])
    elif c['op'] == 'program':
        out = program(t, c['attrs']['program'], c['attrs']['outputs'])
    else:
        out = OPERATIONS[c['op']](t, c['attrs'])
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    return leaves, outs


def grads(leaves, outs, cotangents, mod):
    """Gradients of the leaves and of the parameters."""
    ps = [p for p in mod.parameters() if p.requires_grad] if mod is not None else []
    want = [l for l in leaves if l.requires_grad] + ps
    total = sum((o * c.to(o.dtype)).sum() for o, c in zip(outs, cotangents) if c is not None)
    if not want or not isinstance(total, torch.Tensor) or not total.requires_grad:
        return [None] * len(leaves), [None] * len(ps)
    g = iter(torch.autograd.grad(total, want, allow_unused=True))
    return [next(g) if l.requires_grad else None for l in leaves], list(g)


def module_of(c, dt):
    """The case's module with its parameters and buffers, or None."""
    if 'module' not in c:
        return None
    m = MODULES[c['module']['type']](c['module']['args'])
    state = {('m.' + k): torch.from_numpy(decode(v)) for k, v in {**c['params'], **c.get('buffers', {})}.items()}
    for n, p in m.named_parameters():
        p.data = state[n].reshape(p.shape).clone().to(dt)
    for n, b in m.named_buffers():
        if n in state:
            b.data = state[n].reshape(b.shape).clone().to(dt if b.dtype.is_floating_point else b.dtype)
    m.train(c['module'].get('training', True))
    return m


def complete(c, rng=None, cotangents=None):
    """Fills in outputs, cotangents and gradients, each with its tolerance."""
    m64 = module_of(c, torch.float64)
    m32 = module_of(c, torch.float32)
    l64, o64 = execute(c, torch.float64, m64)
    l32, o32 = execute(c, torch.float32, m32)
    if cotangents is None:
        cotangents = [
            torch.from_numpy(rng.standard_normal(tuple(o.shape)).astype(np.float32))
            if o.dtype.is_floating_point and o.requires_grad
            else None
            for o in o64
        ]
    g64, p64 = grads(l64, o64, cotangents, m64)
    g32, p32 = grads(l32, o32, cotangents, m32)
    jitter = np.random.default_rng(12345)
    mp = module_of(c, torch.float64)
    if mp is not None:
        with torch.no_grad():
            for p in mp.parameters():
                p.mul_(1 + torch.from_numpy(np.asarray(jitter.standard_normal(tuple(p.shape)) * 6e-8)))
    lp, op_ = execute(c, torch.float64, mp, jitter)
    gp, pp = grads(lp, op_, cotangents, mp)
    c['outputs'] = [expected(a, b, q) for a, b, q in zip(o64, o32, op_)]
    c['cotangents'] = [None if k is None else encode(k) for k in cotangents]
    c['grads'] = [None if a is None else expected(a, b, q) for a, b, q in zip(g64, g32, gp)]
    if m64 is not None:
        names = [strip(n) for n, p in m64.named_parameters()]
        c['param_grads'] = {n: None if a is None else expected(a, b, q) for n, a, b, q in zip(names, p64, p32, pp)}
        b64 = dict(m64.named_buffers())
        b32 = dict(m32.named_buffers())
        if b64:
            c['buffers_after'] = {strip(n): expected(b64[n], b32[n]) for n in b64}
    return c


class Family:
    """The cases of one family, and its own random numbers."""

    def __init__(self, name, seed, scale):
        self.name, self.seed, self.scale = name, seed, scale
        self.rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        self.cases = []

    def count(self, k):
        return max(1, round(k * self.scale))

    def integer(self, lo, hi):
        return int(self.rng.integers(lo, hi + 1))

    def choice(self, l):
        return l[int(self.rng.integers(len(l)))]

    def shape(self, lo=1, hi=4, most=5, cap=600):
        while True:
            sh = [self.choice([1, 2, 3, 4, 5, 7][: most + 1]) if most <= 5 else self.integer(1, most) for _ in range(self.integer(lo, hi))]
            if int(np.prod(sh)) <= cap:
                return sh

    def randn(self, sh, k=1.0):
        return np.asarray(self.rng.standard_normal(tuple(sh)) * k, dtype=np.float32)

    def operand(self, a, name=None, grad=None, strided=None, view=()):
        """An operand equal to array a, sometimes as a view of a larger or permuted base."""
        a = np.asarray(a)
        view = list(view)
        if not view and a.ndim >= 1 and a.size and (self.rng.random() < 0.3 if strided is None else strided):
            kind = self.choice(['perm', 'slice', 'step', 'select'])
            if kind == 'perm' and a.ndim > 1:
                p = self.rng.permutation(a.ndim).tolist()
                inv = np.argsort(p).tolist()
                a = np.ascontiguousarray(a.transpose(p))
                view = [['permute', inv]]
            elif kind == 'slice':
                d = self.integer(0, a.ndim - 1)
                pw = [(0, 0)] * a.ndim
                pw[d] = (1, 2)
                n = a.shape[d]
                b = np.pad(a, pw, mode='edge')
                view = [['slice', d, 1, n + 1, 1]]
                a = b
            elif kind == 'step':
                d = self.integer(0, a.ndim - 1)
                a = np.repeat(a, 2, axis=d)
                view = [['slice', d, 0, a.shape[d], 2]]
            elif kind == 'select':
                a = np.stack([a, a[..., ::-1] if a.ndim else a], 0)
                view = [['select', 0, 0]]
        return {'name': name, 'base': encode(a), 'view': view, 'requires_grad': bool(a.dtype == np.float32 if grad is None else grad)}

    def op(self, op, inputs, attrs=None, cotangents=None):
        """Adds a call of an operation."""
        c = {'id': f'{self.name}/{len(self.cases)}/{op}', 'op': op, 'attrs': attrs or {}, 'inputs': inputs}
        for k, i in enumerate(inputs):
            i['name'] = i['name'] or 'abcdefgh'[k]
        self.cases.append(complete(c, self.rng, cotangents))

    def module(self, type_, args, inputs, attrs=None, training=True):
        """Adds a call of a module with drawn parameters."""
        m = fill(MODULES[type_](args), self.rng)
        c = {
            'id': f'{self.name}/{len(self.cases)}/{type_}',
            'op': 'module',
            'attrs': attrs or {},
            'inputs': inputs,
            'module': {'type': type_, 'args': args, 'training': training},
            'params': {strip(n): encode(p) for n, p in m.named_parameters()},
            'buffers': {strip(n): encode(b) for n, b in m.named_buffers()},
        }
        if not c['buffers']:
            del c['buffers']
        for k, i in enumerate(inputs):
            i['name'] = i['name'] or 'abcdefgh'[k]
        self.cases.append(complete(c, self.rng))


# ---------------------------------------------------------------- families
def broadcastable(f):
    """Two shapes that broadcast together."""
    full = f.shape(0, 4)
    cut = lambda: [1 if f.rng.random() < 0.35 else d for d in full][f.integer(0, len(full)) if f.rng.random() < 0.4 else 0 :]
    a, b = cut(), cut()
    return a, b


def family_binary(f):
    for op in ('add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow'):
        for k in range(f.count(10)):
            a, b = broadcastable(f)
            if k == 1:
                a, b = [], f.shape(1, 3)
            if k == 2:
                a, b = [3, 0, 2], [1, 2]
            if k == 3:
                a, b = [1], [0]
            if k == 4:
                a, b = [2, 1, 3, 1], [4, 1, 5]
            x, y = f.randn(a, 2), f.randn(b, 2)
            if op == 'div':
                y = (np.sign(y) * (np.abs(y) + 0.3)).astype(np.float32)
            if op == 'pow':
                x = (np.abs(x) + 0.2).astype(np.float32)
            f.op(op, [f.operand(x), f.operand(y, grad=f.rng.random() < 0.85)])
    for op in ('gt', 'ge', 'lt', 'le', 'eq'):
        a, b = broadcastable(f)
        f.op(op, [f.operand(np.round(f.randn(a))), f.operand(np.round(f.randn(b)))])
    for op in ('add_scalar', 'sub_scalar', 'rsub_scalar', 'mul_scalar', 'div_scalar', 'rdiv_scalar'):
        for sc in (2.5, -0.1, 3):
            f.op(op, [f.operand(f.randn(f.shape(0, 3)) + np.float32(4))], {'s': sc})
    for sc in (2, 3, 0.5, -1, -0.5, 0, 1, 1.7):
        f.op('pow_scalar', [f.operand(np.abs(f.randn(f.shape(1, 3))) + np.float32(0.1))], {'s': sc})
    for sc in (2, 3):
        f.op('pow_scalar', [f.operand(np.concatenate([f.randn([5]), np.zeros(1, np.float32)]), strided=False)], {'s': sc})
    # the same storage read through two views; broadcast of a view
    f.op('mul', [f.operand(f.randn([1, 4]), view=[['expand', [3, 4]]]), f.operand(f.randn([3, 4]))])
    f.op('add', [f.operand(f.randn([3]), view=[['unsqueeze', 1], ['expand', [3, 5]]]), f.operand(f.randn([5]))])


def family_unary(f):
    for op in ('relu', 'tanh', 'sigmoid', 'exp', 'log', 'sqrt', 'neg', 'abs', 'sin', 'cos', 'silu'):
        for k in range(f.count(6)):
            sh = f.shape(0, 4)
            if k == 1:
                sh = [2, 0, 3]
            x = f.randn(sh, 3 if op not in ('exp',) else 1.5)
            if op in ('log', 'sqrt'):
                x = np.abs(x) + np.float32(0.05)
            if k == 2 and op in ('relu', 'abs'):
                x = np.round(x)  # exact zeros: gradient there is 0
            f.op(op, [f.operand(x.astype(np.float32))])
    for v in (np.array([0.0, -0.0, 1e-30, -1e-30, 30, -30, 88, -100, 200, -200], np.float32),):
        for op in ('tanh', 'sigmoid', 'relu', 'silu'):
            f.op(op, [f.operand(v, strided=False)])
        for ap in ('none', 'tanh'):
            f.op('gelu', [f.operand(v, strided=False)], {'approximate': ap})
    f.op('exp', [f.operand(np.array([100, -200, 0, 88.5], np.float32), grad=False, strided=False)])
    f.op('log', [f.operand(np.array([0, 1, np.inf], np.float32), grad=False, strided=False)])
    for ap in ('none', 'tanh'):
        for k in range(f.count(6)):
            f.op('gelu', [f.operand(f.randn(f.shape(0, 3), 2))], {'approximate': ap})
    for least, most in ((-1, 1), (None, 0.5), (0, None), (0.3, 0.3), (1, -1)):
        f.op('clamp', [f.operand(f.randn(f.shape(1, 3), 2))], {'min': least, 'max': most})
    # On the bound: gradient passes
    f.op('clamp', [f.operand(np.array([-2, -1, -0.5, 1, 1.5], np.float32), strided=False)], {'min': -1, 'max': 1})
    for s in (0.01, 0.2):
        f.op('leaky_relu', [f.operand(f.randn(f.shape(1, 3)))], {'negative_slope': s})
    for k in range(f.count(8)):
        a, b = broadcastable(f)
        c = np.broadcast_shapes(a, b)
        cs = [1 if f.rng.random() < 0.3 else d for d in c]
        f.op('where', [f.operand(f.rng.random(cs) < 0.5), f.operand(f.randn(a)), f.operand(f.randn(b))])
    for k in range(f.count(4)):
        sh = f.shape(1, 3)
        ms = [1 if f.rng.random() < 0.3 else d for d in sh]
        f.op('masked_fill', [f.operand(f.randn(sh)), f.operand(f.rng.random(ms) < 0.4)], {'value': f.choice([0, -1e9, 2.5])})


def family_matmul(f):
    for k in range(f.count(40)):
        n, m, p = f.integer(1, 9), f.integer(1, 9), f.integer(1, 9)
        kind = k % 9
        if kind == 0:
            a, b = [m], [m]
        elif kind == 1:
            a, b = [n, m], [m]
        elif kind == 2:
            a, b = [m], [m, p]
        elif kind == 3:
            a, b = [n, m], [m, p]
        elif kind == 4:
            B = f.integer(1, 4)
            a, b = [B, n, m], [B, m, p]
        elif kind == 5:
            a, b = [f.integer(1, 3), 1, n, m], [f.integer(2, 3), m, p]
        elif kind == 6:
            a, b = [f.integer(1, 4), n, m], [m, p]
        elif kind == 7:
            a, b = [f.integer(1, 3), f.integer(1, 3), n, m], [m]
        else:
            a, b = [m], [f.integer(1, 3), m, p]
        f.op('matmul', [f.operand(f.randn(a)), f.operand(f.randn(b))])
    for a, b in (
        ([0, 3], [3, 2]),
        ([2, 0], [0, 3]),
        ([2, 3], [3, 0]),
        ([0, 2, 3], [3, 4]),
        ([1, 1], [1, 1]),
        ([33, 65], [65, 17]),
        ([2, 3, 70], [70, 5]),
    ):
        f.op('matmul', [f.operand(f.randn(a)), f.operand(f.randn(b))])
    for k in range(f.count(5)):
        B, n, m, p = (f.integer(1, 5) for _ in range(4))
        f.op('bmm', [f.operand(f.randn([B, n, m]), strided=True), f.operand(f.randn([B, m, p]), strided=True)])
    f.op(
        'matmul',
        [
            f.operand(f.randn([1, 4, 3]), view=[['expand', [5, 4, 3]]]),
            f.operand(f.randn([3, 2]), view=[['unsqueeze', 0], ['expand', [5, 3, 2]]]),
        ],
    )


def reduced_dims(f, r, none=True):
    """Dimensions to reduce of r: None, one, or several, some counted from the end."""
    if none and f.rng.random() < 0.25:
        return None
    if f.rng.random() < 0.5 or r == 1:
        d = f.integer(0, r - 1)
        return d - r if f.rng.random() < 0.4 else d
    d = sorted(f.rng.permutation(r)[: f.integer(1, r)].tolist())
    return [x - r if f.rng.random() < 0.3 else x for x in d]


def family_reduce(f):
    for op in ('sum', 'mean', 'var', 'std', 'amax', 'amin', 'max', 'min', 'argmax', 'logsumexp', 'prod'):
        for k in range(f.count(9)):
            sh = f.shape(1, 4)
            d = reduced_dims(f, len(sh))
            if op in ('var', 'std'):
                sh = [max(2, x) for x in sh]
            if op in ('max', 'min', 'argmax', 'prod') and isinstance(d, list):
                d = d[0]
            if op == 'logsumexp' and d is None:
                d = 0
            a = {'dim': d}
            if d is not None:
                a['keepdim'] = bool(f.rng.random() < 0.5)
            if op in ('var', 'std'):
                a['unbiased'] = bool(f.rng.random() < 0.5)
            if op in ('amax', 'amin') and d is None:
                a = {'dim': list(range(len(sh))), 'keepdim': False}
            f.op(op, [f.operand(f.randn(sh, 2))], a)
    f.op('sum', [f.operand(np.zeros([0, 3], np.float32))], {'dim': None})
    f.op('sum', [f.operand(np.zeros([0, 3], np.float32))], {'dim': 0, 'keepdim': False})
    f.op('mean', [f.operand(np.zeros([2, 0], np.float32))], {'dim': 1, 'keepdim': True})
    f.op('sum', [f.operand(np.float32(3.5).reshape([]))], {'dim': None})
    f.op('mean', [f.operand(f.randn([1, 1, 1]))], {'dim': [0, 2], 'keepdim': True})
    f.op('var', [f.operand(f.randn([3, 1]))], {'dim': 1, 'keepdim': False, 'unbiased': False})
    # Needs a two-pass variance
    f.op('var', [f.operand(f.randn([4, 50], 0.01) + np.float32(1000))], {'dim': 1, 'keepdim': False, 'unbiased': True})
    f.op('max', [f.operand(np.array([[1, 3, 3], [3, 0, 1]], np.float32), strided=False)], {'dim': None})  # ties: gradient shared evenly
    # Ties: shared evenly
    f.op('amax', [f.operand(np.array([[1, 3, 3], [3, 0, 1]], np.float32), strided=False)], {'dim': [1], 'keepdim': False})
    f.op('sum', [f.operand(f.randn([7, 1500], 1))], {'dim': 1, 'keepdim': False})
    f.op('logsumexp', [f.operand(np.array([[1000, 1000.5], [-1000, -999]], np.float32), strided=False)], {'dim': 1, 'keepdim': False})
    for k in range(f.count(3)):
        sh = f.shape(1, 3)
        f.op('cumsum', [f.operand(f.randn(sh))], {'dim': f.integer(0, len(sh) - 1)})


def family_softmax(f):
    for op in ('softmax', 'log_softmax'):
        for k in range(f.count(10)):
            sh = f.shape(1, 4)
            d = f.integer(0, len(sh) - 1)
            f.op(op, [f.operand(f.randn(sh, f.choice([1, 5, 30])))], {'dim': d - len(sh) if f.rng.random() < 0.5 else d})
        f.op(op, [f.operand(np.array([[1e4, 1e4 - 1, -1e4], [0, 0, 0]], np.float32), strided=False)], {'dim': 1})
        f.op(op, [f.operand(np.zeros([2, 0], np.float32))], {'dim': 1})
        f.op(op, [f.operand(f.randn([3, 1]))], {'dim': 1})
    f.op('softmax', [f.operand(np.array([[1, -np.inf, 2], [-np.inf, 0, -np.inf]], np.float32), strided=False)], {'dim': 1})


def family_shape(f):
    for k in range(f.count(6)):
        sh = f.shape(2, 4)
        r = len(sh)
        p = f.rng.permutation(r).tolist()
        x = lambda: f.operand(f.randn(sh))
        f.op('transpose', [x()], {'dim0': p[0] - r, 'dim1': p[1]})
        f.op('permute', [x()], {'dims': p})
        n = int(np.prod(sh))
        d0 = f.integer(0, r - 1)
        f.op('reshape', [x()], {'shape': [-1, sh[d0]]})
        f.op('reshape', [x()], {'shape': [n, 1, 1]})
        f.op('flatten', [x()], {'start_dim': f.integer(0, r - 1), 'end_dim': -1})
        f.op('flatten', [x()], {'start_dim': 0, 'end_dim': f.integer(0, r - 1)})
        f.op('unsqueeze', [x()], {'dim': f.integer(-r - 1, r)})
        f.op('squeeze', [f.operand(f.randn([1, 3, 1, 2]))], {'dim': f.choice([None, 0, 2, -2, 1])})
        es = [1 if f.rng.random() < 0.5 else d for d in sh]
        f.op(
            'expand',
            [f.operand(f.randn(es))],
            {'shape': [f.integer(1, 3)] + [(-1 if f.rng.random() < 0.3 and e == d else d) for e, d in zip(es, sh)]},
        )
        sl = []
        for d in sh[: f.integer(1, r)]:
            a = f.choice([None, f.integer(-d, d)])
            b = f.choice([None, f.integer(-d, d + 2)])
            sl.append([a, b, f.choice([None, 1, 2, 3])])
        f.op('slice', [x()], {'slices': sl})
        f.op('select', [x()], {'dim': d0, 'index': f.integer(-sh[d0], sh[d0] - 1)})
        idx = f.rng.integers(0, sh[d0], f.integer(1, 6))
        f.op('index_select', [x(), f.operand(idx, 'index', strided=False)], {'dim': d0})
        g = f.rng.integers(0, sh[d0], [d if i != d0 else f.integer(1, 5) for i, d in enumerate(sh)])
        f.op('gather', [x(), f.operand(g, 'index', strided=False)], {'dim': d0})
        f.op('index', [x(), f.operand(f.rng.integers(-sh[0], sh[0], f.shape(1, 2)), 'index', strided=False)])
        f.op('index', [x(), f.operand(f.rng.random(sh[: f.integer(1, r)]) < 0.5, 'mask', strided=False)])
        f.op(
            'index2',
            [
                x(),
                f.operand(f.rng.integers(0, sh[0], [4]), 'i', strided=False),
                f.operand(f.rng.integers(0, sh[1], [4]), 'j', strided=False),
            ],
        )
        cd = f.integer(0, r - 1)
        parts = [f.operand(f.randn([d if i != cd else f.integer(0, 3) for i, d in enumerate(sh)])) for _ in range(f.integer(1, 4))]
        f.op('cat', parts, {'dim': cd - r if f.rng.random() < 0.5 else cd})
        f.op('stack', [f.operand(f.randn(sh)) for _ in range(f.integer(1, 3))], {'dim': f.integer(-r - 1, r)})
        f.op('split', [x()], {'split_size_or_sections': f.integer(1, sh[d0]), 'dim': d0})
        a0 = f.integer(0, sh[d0])
        f.op('split', [x()], {'split_size_or_sections': [a0, sh[d0] - a0], 'dim': d0})
        f.op('chunk', [x()], {'chunks': f.integer(1, 4), 'dim': d0})
        f.op('unbind', [x()], {'dim': d0})
        f.op('pad', [x()], {'pad': [f.integer(0, 2) for _ in range(2 * f.integer(1, min(2, r)))], 'value': f.choice([0, 1.5])})
        f.op('pad', [f.operand(f.randn([4, 5]))], {'pad': [-1, 2, 1, -2], 'value': 0})
        f.op('flip', [x()], {'dims': sorted(p[:2])})
        f.op('roll', [x()], {'shifts': f.integer(-3, 3), 'dims': d0})
        f.op('repeat', [x()], {'repeats': [f.integer(1, 2) for _ in range(r + 1)]})
        m = f.shape(2, 3)
        f.op('tril', [f.operand(f.randn(m))], {'diagonal': f.integer(-2, 2)})
        f.op('triu', [f.operand(f.randn(m))], {'diagonal': f.integer(-2, 2)})
    f.op('reshape', [f.operand(np.zeros([0, 3], np.float32))], {'shape': [3, 0]})
    f.op('cat', [f.operand(np.zeros([0, 2], np.float32)), f.operand(f.randn([3, 2]))], {'dim': 0})
    f.op('reshape', [f.operand(f.randn([1]))], {'shape': []})
    f.op('slice', [f.operand(f.randn([4, 3]))], {'slices': [[3, 1, None]]})
    f.op('reshape', [f.operand(f.randn([3, 4]), view=[['transpose', 0, 1]])], {'shape': [12]})


def family_conv(f):
    for k in range(f.count(36)):
        g = f.choice([1, 1, 1, 2, 3])
        ci, co = g * f.integer(1, 3), g * f.integer(1, 3)
        kh, keywords = f.integer(1, 4), f.integer(1, 4)
        dil = [f.integer(1, 2), f.integer(1, 2)] if k % 3 == 0 else 1
        st = f.choice([1, 2, 3, [2, 1], [1, 3]])
        pd = f.choice([0, 1, 2, [1, 0], [0, 2]])
        d = dil if isinstance(dil, list) else [dil] * 2
        h, w = d[0] * (kh - 1) + 1 + f.integer(0, 6), d[1] * (keywords - 1) + 1 + f.integer(0, 6)
        ins = [f.operand(f.randn([f.integer(1, 3), ci, h, w]), 'x'), f.operand(f.randn([co, ci // g, kh, keywords]), 'weight')]
        if f.rng.random() < 0.7:
            ins.append(f.operand(f.randn([co]), 'bias', strided=False))
        f.op('conv2d', ins, {'stride': st, 'padding': pd, 'dilation': dil, 'groups': g})
    for p in (2, 4):
        f.op(
            'conv2d',
            [
                f.operand(f.randn([2, 3, 8, 8]), 'x'),
                f.operand(f.randn([3 * p * p, 3, p, p]), 'weight', strided=False),
                f.operand(f.randn([3 * p * p]), 'bias', strided=False),
            ],
            {'stride': p, 'padding': 0, 'dilation': 1, 'groups': 1},
        )
    f.op(
        'conv2d',
        [f.operand(f.randn([2, 4, 5, 5]), 'x'), f.operand(f.randn([4, 1, 3, 3]), 'weight'), f.operand(f.randn([4]), 'bias')],
        {'stride': 1, 'padding': 1, 'dilation': 1, 'groups': 4},
    )
    f.op(
        'conv2d',
        [f.operand(f.randn([2, 3, 5, 6]), 'x'), f.operand(f.randn([4, 3, 1, 1]), 'weight')],
        {'stride': 1, 'padding': 0, 'dilation': 1, 'groups': 1},
    )
    f.op(
        'conv2d',
        [f.operand(np.zeros([0, 2, 5, 5], np.float32), 'x'), f.operand(f.randn([3, 2, 3, 3]), 'weight')],
        {'stride': 1, 'padding': 0, 'dilation': 1, 'groups': 1},
    )
    # Stride leaves pixels unused: their gradient is 0
    f.op(
        'conv2d',
        [f.operand(f.randn([1, 1, 9, 9]), 'x'), f.operand(f.randn([1, 1, 3, 3]), 'weight')],
        {'stride': 4, 'padding': 0, 'dilation': 1, 'groups': 1},
    )


def family_pool(f):
    for k in range(f.count(12)):
        kh, keywords = f.integer(1, 3), f.integer(1, 3)
        x = f.randn([f.integer(1, 2), f.integer(1, 3), kh + f.integer(0, 6), keywords + f.integer(0, 6)])
        st = f.choice([None, 1, 2, [1, 2]])
        st = [kh, keywords] if st is None else st
        pd = [f.integer(0, kh // 2), f.integer(0, keywords // 2)]
        cm = bool(f.rng.random() < 0.4)
        if k % 3 == 0:
            x = np.round(x)  # ties: the first maximum (row-major in the window) takes the gradient
        f.op('max_pool2d', [f.operand(x.astype(np.float32))], {'kernel_size': [kh, keywords], 'stride': st, 'padding': pd, 'ceil_mode': cm})
        f.op(
            'avg_pool2d',
            [f.operand(f.randn(x.shape))],
            {'kernel_size': [kh, keywords], 'stride': st, 'padding': pd, 'ceil_mode': cm, 'count_include_pad': bool(f.rng.random() < 0.5)},
        )
    for o in (1, [2, 3], [3, 1]):
        f.op('adaptive_avg_pool2d', [f.operand(f.randn([2, 2, 7, 5]))], {'output_size': o})


def family_norm(f):
    for k in range(f.count(12)):
        sh = f.shape(1, 4)
        q = f.integer(1, len(sh))
        sh[-1] = max(2, sh[-1])
        ns = sh[-q:]
        aff = f.choice([0, 1, 2])
        ins = [f.operand(f.randn(sh, 2), 'x')]
        if aff:
            ins.append(f.operand(1 + f.randn(ns, 0.3), 'weight'))
        if aff == 2:
            ins.append(f.operand(f.randn(ns), 'bias'))
        f.op('layer_norm', ins, {'normalized_shape': ns, 'eps': f.choice([1e-5, 1e-5, 1e-3])})
    # Constant rows: output = bias
    f.op(
        'layer_norm',
        [f.operand(np.full([2, 6], 7, np.float32), 'x', strided=False), f.operand(f.randn([6]), 'weight'), f.operand(f.randn([6]), 'bias')],
        {'normalized_shape': [6], 'eps': 1e-5},
    )
    f.op('layer_norm', [f.operand(f.randn([3, 64], 0.01) + np.float32(100), 'x')], {'normalized_shape': [64], 'eps': 1e-5})
    f.op('layer_norm', [f.operand(np.zeros([0, 4], np.float32), 'x')], {'normalized_shape': [4], 'eps': 1e-5})
    f.module('LayerNorm', {'normalized_shape': [5]}, [f.operand(f.randn([2, 3, 5]))])
    f.module('LayerNorm', {'normalized_shape': [3, 4], 'elementwise_affine': False, 'eps': 1e-6}, [f.operand(f.randn([2, 3, 4]))])
    for tr in (True, False):
        for k in range(f.count(3)):
            C = f.integer(1, 4)
            f.module(
                'BatchNorm2d',
                {
                    'num_features': C,
                    'momentum': f.choice([0.1, 0.3, None]),
                    'affine': bool(k != 1),
                    'track_running_stats': bool(k != 2),
                    'eps': f.choice([1e-5, 1e-3]),
                },
                [f.operand(f.randn([f.integer(2, 3), C, f.integer(1, 4), f.integer(2, 4)], 2))],
                training=tr,
            )
            f.module(
                'BatchNorm1d', {'num_features': C, 'momentum': 0.1}, [f.operand(f.randn(f.choice([[4, C], [3, C, 5]]), 2))], training=tr
            )


def family_linear(f):
    for k in range(f.count(8)):
        i, o = f.integer(1, 8), f.integer(1, 8)
        lead = f.choice([[], [3], [2, 3], [2, 1, 3], [0], [2, 0]])
        ins = [f.operand(f.randn(lead + [i]), 'x'), f.operand(f.randn([o, i]), 'weight')]
        if k % 2:
            ins.append(f.operand(f.randn([o]), 'bias'))
        f.op('linear', ins)
        f.module('Linear', {'in_features': i, 'out_features': o, 'bias': bool(k % 2)}, [f.operand(f.randn(lead + [i]))])
    for k in range(f.count(5)):
        n, d = f.integer(2, 7), f.integer(1, 5)
        idx = f.rng.integers(0, n, f.shape(0, 3))
        pi = f.choice([None, 0, n - 1])
        f.op('embedding', [f.operand(np.asarray(idx), 'index', strided=False), f.operand(f.randn([n, d]), 'weight')], {'padding_idx': pi})
    f.module('Embedding', {'num_embeddings': 5, 'embedding_dim': 3}, [f.operand(np.array([[0, 4, 4], [1, 4, 0]]), strided=False)])
    f.module('Conv2d', {'in_channels': 3, 'out_channels': 5, 'kernel_size': 2, 'stride': 2}, [f.operand(f.randn([2, 3, 6, 6]))])
    f.module(
        'Conv2d',
        {'in_channels': 4, 'out_channels': 2, 'kernel_size': [3, 1], 'padding': [1, 0], 'groups': 2, 'bias': False},
        [f.operand(f.randn([2, 4, 5, 4]))],
    )


def keepmask(f, sh):
    """A mask with at least one True in each row."""
    m = f.rng.random(sh) < 0.6
    m[..., 0] = True
    return m


def family_attention(f):
    for k in range(f.count(10)):
        lead = f.choice([[], [2], [2, 3], [1, 2]])
        nq, nk, d, dv = f.integer(1, 6), f.integer(1, 6), f.integer(1, 8), f.integer(1, 6)
        a = {}
        ins = [f.operand(f.randn(lead + [nq, d]), 'q'), f.operand(f.randn(lead + [nk, d]), 'k'), f.operand(f.randn(lead + [nk, dv]), 'v')]
        if k % 4 == 1:
            ins.append(f.operand(keepmask(f, [nq, nk]), 'mask', strided=False))  # bool: True = attend
        if k % 4 == 2:
            ins.append(f.operand(f.randn([nq, nk]), 'mask'))  # float: added to the scores, has a gradient
        if k % 4 == 3:
            a['is_causal'] = True
        if k == 4:
            a['scale'] = 0.25
        f.op('sdpa', ins, a)
    for k in range(f.count(8)):
        h = f.integer(1, 3)
        E = h * f.integer(1, 4)
        B, nq, nk = f.integer(1, 3), f.integer(1, 5), f.integer(1, 6)
        q = f.operand(f.randn([B, nq, E]), 'queries')
        kk = f.operand(f.randn([B, nk, E]), 'keys')
        v = f.operand(f.randn([B, nk, E]), 'values')
        ins = [q, kk, v]
        if k % 3 == 1:
            # K==1: may hold 0 -> uniform weights
            ins.append(f.operand(f.rng.integers(0 if k == 1 else 1, nk + 1, [B]), 'valid_lens', strided=False))
        if k % 3 == 2:
            ins.append(f.operand(f.rng.integers(1, nk + 1, [B, nq]), 'valid_lens', strided=False))
        f.module('d2l.MultiHeadAttention', {'num_hiddens': E, 'num_heads': h, 'dropout': 0.0, 'bias': bool(k % 2)}, ins)
    for k in range(f.count(9)):
        h = f.integer(1, 3)
        E = h * f.integer(1, 4)
        B, nq, nk = f.integer(1, 3), f.integer(1, 5), f.integer(1, 6)
        bf = bool(k % 2)
        args = {'embed_dim': E, 'num_heads': h, 'bias': bool(k != 3), 'batch_first': bf}
        a = {'average': bool(k % 4 < 2)}
        ke, ve = E, E
        if k == 5:
            ke, ve = f.integer(1, 5), f.integer(1, 5)
            args.update(kdim=ke, vdim=ve)
        o = (lambda n, e: [B, n, e]) if bf else (lambda n, e: [n, B, e])
        ins = [f.operand(f.randn(o(nq, E)), 'query'), f.operand(f.randn(o(nk, ke)), 'key'), f.operand(f.randn(o(nk, ve)), 'value')]
        if k % 3 == 1:
            ins.append(f.operand(~keepmask(f, [B, nk]), 'key_padding_mask', strided=False))
            a['kpm'] = len(ins) - 1  # True = ignore
        if k % 3 == 2:
            m = ~keepmask(f, [nq, nk])
            ins.append(f.operand(m if k == 2 else f.randn([nq, nk]), 'attn_mask', strided=False, grad=False))
            a['am'] = len(ins) - 1
        f.module('MultiheadAttention', args, ins, a)
    # Unbatched
    f.module(
        'MultiheadAttention',
        {'embed_dim': 6, 'num_heads': 2},
        [f.operand(f.randn([4, 6])), f.operand(f.randn([3, 6])), f.operand(f.randn([3, 6]))],
        {'average': True},
    )
    for k in range(f.count(8)):
        h = f.integer(1, 3)
        E = max(2, h * f.integer(1, 4))
        E = E if E % h == 0 else E * h
        B, n = f.integer(1, 3), f.integer(1, 5)
        bf = bool(k % 4 < 2)
        a = {}
        ins = [f.operand(f.randn([B, n, E] if bf else [n, B, E]), 'src')]
        if k % 4 == 3:
            ins.append(f.operand(~keepmask(f, [B, n]), 'src_key_padding_mask', strided=False))
            a['kpm'] = 1
        if k % 4 == 2:
            ins.append(f.operand(np.triu(np.ones([n, n], bool), 1), 'src_mask', strided=False))
            a['am'] = 1
        f.module(
            'TransformerEncoderLayer',
            {
                'd_model': E,
                'nhead': h,
                'dim_feedforward': f.integer(2, 9),
                'dropout': 0.0,
                'activation': f.choice(['relu', 'gelu']),
                'batch_first': bf,
                'norm_first': bool(k % 2),
            },
            ins,
            a,
        )


def family_loss(f):
    for k in range(f.count(16)):
        N, C = f.integer(1, 6), f.integer(2, 6)
        how = f.choice(['mean', 'sum', 'none'])
        ls = f.choice([0.0, 0.0, 0.1, 0.3])
        extra = f.choice([[], [], [3], [2, 2]])
        x = f.operand(f.randn([N, C] + extra, 2), 'input')
        y = f.rng.integers(0, C, [N] + extra)
        a = {'reduction': how, 'label_smoothing': ls}
        if k % 3 == 1:
            y = np.where(f.rng.random(y.shape) < 0.3, -100, y)
            y.reshape(-1)[0] = 1
            a['ignore_index'] = -100
        if k % 5 == 4 and k % 3 != 1:
            a['ignore_index'] = 1
            y.reshape(-1)[0] = 0
        ins = [x, f.operand(y, 'target', strided=False)]
        if k % 4 == 2:
            ins.append(f.operand((0.2 + f.rng.random(C)).astype(np.float32), 'weight', grad=False))
        f.op('cross_entropy', ins, a)
    for k in range(f.count(5)):
        N, C = f.integer(1, 5), f.integer(2, 5)
        p = f.rng.random([N, C])
        p = (p / p.sum(1, keepdims=True)).astype(np.float32)
        ins = [f.operand(f.randn([N, C], 2), 'input'), f.operand(p, 'target', grad=False)]
        if k == 2:
            ins.append(f.operand((0.2 + f.rng.random(C)).astype(np.float32), 'weight', grad=False))
        f.op('cross_entropy', ins, {'reduction': f.choice(['mean', 'sum', 'none']), 'label_smoothing': f.choice([0.0, 0.1])})
    f.op(
        'cross_entropy', [f.operand(f.randn([4]), 'input'), f.operand(np.array(2), 'target')], {'reduction': 'mean', 'label_smoothing': 0.0}
    )
    f.op(
        'cross_entropy',
        [f.operand(np.array([[1e4, -1e4, 0]], np.float32), 'input', strided=False), f.operand(np.array([1]), 'target', strided=False)],
        {'reduction': 'mean', 'label_smoothing': 0.0},
    )
    # Everything ignored: NaN
    f.op(
        'cross_entropy',
        [f.operand(f.randn([2, 3]), 'input'), f.operand(np.array([-100, -100]), 'target', strided=False)],
        {'reduction': 'mean', 'label_smoothing': 0.0},
    )
    for r in ('mean', 'sum', 'none'):
        sh = f.shape(1, 3)
        f.op('mse_loss', [f.operand(f.randn(sh)), f.operand(f.randn(sh))], {'reduction': r})
        f.op('l1_loss', [f.operand(f.randn(sh)), f.operand(f.randn(sh))], {'reduction': r})
        N, C = f.integer(1, 4), f.integer(2, 5)
        f.op('nll_loss', [f.operand(f.randn([N, C])), f.operand(f.rng.integers(0, C, [N]), 'target', strided=False)], {'reduction': r})
        for pw in (0, 1):
            ins = [f.operand(f.randn([N, C], 4), 'input'), f.operand(f.rng.random([N, C]).astype(np.float32), 'target', grad=False)]
            if pw:
                ins.append(f.operand((0.5 + f.rng.random(C)).astype(np.float32), 'pos_weight', grad=False))
            if r == 'sum':
                ins.append(f.operand((0.5 + f.rng.random([N, C])).astype(np.float32), 'weight', grad=False))
            f.op('bce_with_logits', ins, {'reduction': r, 'has_pos_weight': pw, 'has_weight': int(r == 'sum')})
    f.op(
        'bce_with_logits',
        [
            f.operand(np.array([200, -200, 0, 50], np.float32), 'input', strided=False),
            f.operand(np.array([0, 1, 0.5, 1], np.float32), 'target', strided=False, grad=False),
        ],
        {'reduction': 'none', 'has_pos_weight': 0, 'has_weight': 0},
    )
    for r in ('batchmean', 'mean', 'sum', 'none'):
        for lt in (False, True):
            N, C = f.integer(1, 4), f.integer(2, 5)
            ls = lambda: (lambda z: z - np.log(np.exp(z).sum(1, keepdims=True)))(f.randn([N, C])).astype(np.float32)
            q = ls()
            q = q if lt else np.exp(q)
            if not lt:
                q = q.copy()
                q[0, 0] = 0  # 0 * log 0 = 0
            f.op('kl_div', [f.operand(ls(), 'input'), f.operand(q, 'target', grad=False)], {'reduction': r, 'log_target': lt})


def family_reuse(f):
    for k in range(f.count(4)):
        sh = f.shape(2, 3)
        for op in ('x*x+x', 'x@x.T@x', 'softmax(x)*x.sum', 'cat_self'):
            f.op(op, [f.operand(f.randn(sh))])
        f.op('diamond', [f.operand(f.randn(sh)), f.operand(f.randn([1] + sh[1:]))])
    for n in (1, 10, 200, 2000):
        f.op('chain', [f.operand(f.randn([2, 3]))], {'n': n, 's': 0.99, 'b': 0.01})


# ---------------------------------------------------------------- family: random programs
def program(t, prog, outs):
    v = list(t)
    for ins in prog:
        if ins['op'] == 'layer_norm' and v[ins['in'][0]].var(-1, unbiased=False).min() < 1e-6:
            ill_conditioned.append('rows that are constant but for rounding')
        v.append(OPERATIONS[ins['op']]([v[i] for i in ins['in']], ins['attrs']))
    return [v[i] for i in outs]


def family_graph(f):
    want = f.count(25)
    while len(f.cases) < want:
        n, m = f.integer(1, 5), f.integer(1, 5)
        shapes = [[n, m], [n, m], [m], [n, 1], [m, m]]
        ins = [f.operand(f.randn(s, 0.7)) for s in shapes]
        sh = [list(s) for s in shapes]
        prog = []

        def emit(op, i, a, s):
            prog.append({'op': op, 'in': i, 'attrs': a})
            sh.append(list(s))

        for _ in range(f.integer(5, 40)):
            kind = f.choice(['bin', 'bin', 'bin', 'un', 'un', 'mm', 'red', 'sm', 'ln', 'tr', 'cat', 'slice', 'reshape'])
            i = f.integer(max(0, len(sh) - 8), len(sh) - 1)
            s = sh[i]
            if kind == 'bin':
                c = [j for j in range(len(sh)) if broadcasts_to_few(s, sh[j])]
                j = f.choice(c)
                emit(f.choice(['add', 'sub', 'mul', 'maximum']), [i, j], {}, np.broadcast_shapes(s, sh[j]))
            elif kind == 'un':
                emit(
                    *[
                        (o, [i], a, s)
                        for o, a in [
                            f.choice(
                                [
                                    ('tanh', {}),
                                    ('sigmoid', {}),
                                    ('gelu', {'approximate': 'none'}),
                                    ('mul_scalar', {'s': 0.5}),
                                    ('neg', {}),
                                    ('sin', {}),
                                ]
                            )
                        ]
                    ][0]
                )
            elif kind == 'mm':
                c = [j for j in range(len(sh)) if len(s) == 2 and len(sh[j]) == 2 and sh[j][0] == s[1]]
                if c:
                    j = f.choice(c)
                    emit('matmul', [i, j], {}, [s[0], sh[j][1]])
                    emit('tanh', [len(sh) - 1], {}, sh[-1])
            elif kind == 'red' and len(s) >= 1:
                d = f.integer(0, len(s) - 1)
                emit('mean', [i], {'dim': d, 'keepdim': True}, [1 if q == d else z for q, z in enumerate(s)])
            elif kind == 'sm' and len(s):
                emit('softmax', [i], {'dim': -1}, s)
            elif kind == 'ln' and len(s) and s[-1] > 1:
                emit('layer_norm', [i], {'normalized_shape': [s[-1]], 'eps': 1e-5}, s)
            elif kind == 'tr' and len(s) == 2:
                emit('transpose', [i], {'dim0': 0, 'dim1': 1}, s[::-1])
            elif kind == 'cat' and len(s) == 2 and s[0] < 8:
                emit('cat', [i, i], {'dim': 0}, [2 * s[0], s[1]])
            elif kind == 'slice' and len(s) and s[0] > 1:
                emit('slice', [i], {'slices': [[1, None, None]]}, [s[0] - 1] + s[1:])
            elif kind == 'reshape' and len(s) == 2:
                emit('reshape', [i], {'shape': [s[1], s[0]]}, [s[1], s[0]])
        last = len(sh) - 1
        outs = sorted({last, f.integer(0, last), f.integer(len(shapes) - 1, last)})
        ill_conditioned.clear()
        f.op('program', ins, {'program': prog, 'outputs': outs})
        if ill_conditioned:
            f.cases.pop()


def broadcasts_to_few(a, b):
    try:
        return int(np.prod(np.broadcast_shapes(tuple(a), tuple(b)))) <= 200 and len(np.broadcast_shapes(tuple(a), tuple(b))) <= 3
    except ValueError:
        return False


# ---------------------------------------------------------------- family: whole modules
def family_module(f):
    for k in range(f.count(3)):
        i, o = f.integer(1, 5), f.integer(1, 4)
        f.module(
            'MLP',
            {'i': i, 'h': f.integer(2, 8), 'o': o, 'act': f.choice(['ReLU', 'GELU', 'Tanh', 'Sigmoid'])},
            [f.operand(f.randn([f.integer(1, 5), i]))],
        )
        c = f.integer(1, 3)
        f.module('CNN', {'cin': c, 'classes': f.integer(2, 4)}, [f.operand(f.randn([f.integer(2, 3), c, 8, 8]))], training=bool(k % 2 == 0))
        h = f.integer(1, 3)
        f.module(
            'SeedTransformerBlock', {'tokens': 5, 'embeddings': 4 * h, 'heads': h, 'dropout': 0.0}, [f.operand(f.randn([2, 5, 4 * h]))]
        )
        p = f.choice([2, 4])
        f.module(
            'SeedVit',
            {
                'img_size': 2 * p,
                'patch_size': p,
                'X_shape': None,
                'num_blocks': f.integer(1, 2),
                'heads': f.choice([1, 2, 3]),
                'dropout': 0.0,
                'classes': f.integer(2, 5),
            },
            [f.operand(f.randn([f.integer(1, 3), 3, 2 * p, 2 * p]))],
        )
        h = f.integer(1, 2)
        ch = f.choice([1, 3])
        f.module(
            'PreNormViT',
            {
                'image': 8,
                'patch': 4,
                'channels': ch,
                'dim': 4 * h,
                'depth': f.integer(1, 3),
                'heads': h,
                'mlp': f.integer(4, 10),
                'classes': 3,
            },
            [f.operand(f.randn([2, ch, 8, 8]))],
        )


# ---------------------------------------------------------------- family: optimisers: explicit gradients
OPTIMS = [
    ('SGD', {'lr': 0.1}),
    ('SGD', {'lr': 0.05, 'momentum': 0.9}),
    ('SGD', {'lr': 0.05, 'momentum': 0.9, 'nesterov': True}),
    ('SGD', {'lr': 0.05, 'momentum': 0.8, 'dampening': 0.5}),
    ('SGD', {'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.1}),
    ('SGD', {'lr': 0.05, 'weight_decay': 0.01}),
    ('SGD', {'lr': 0.05, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.2, 'maximize': True}),
    ('Adam', {'lr': 0.01}),
    ('Adam', {'lr': 0.01, 'betas': [0.8, 0.95], 'eps': 1e-6, 'weight_decay': 0.1}),
    ('Adam', {'lr': 0.01, 'amsgrad': True}),
    ('AdamW', {'lr': 0.01}),
    ('AdamW', {'lr': 0.02, 'weight_decay': 0.3, 'betas': [0.7, 0.9]}),
    ('AdamW', {'lr': 0.01, 'amsgrad': True, 'maximize': True}),
    ('RMSprop', {'lr': 0.01}),
    ('RMSprop', {'lr': 0.01, 'alpha': 0.9, 'momentum': 0.9, 'weight_decay': 0.01}),
    ('RMSprop', {'lr': 0.01, 'centered': True, 'eps': 1e-6}),
]


def run_optim(c, dt):
    ps = [cast(decode(p), dt).requires_grad_() for p in c['params']]
    keywords = {k: tuple(v) if k == 'betas' else v for k, v in c['args'].items()}
    groups = c.get('groups')
    opt = getattr(torch.optim, c['optimizer'])(
        [{'params': [ps[i] for i in g['params']], **g['args']} for g in groups] if groups else ps, **keywords
    )
    out = []
    for gs in c['grads']:
        for p, g in zip(ps, gs):
            p.grad = None if g is None else cast(decode(g), dt)
        opt.step()
        out.append([p.detach().clone() for p in ps])
    return out


def family_optim(f):
    for r in range(f.count(2)):
        for name, args in OPTIMS:
            shapes = [f.shape(1, 2), [], f.shape(1, 3)]
            args = dict(args)
            if r:
                args['lr'] = float('%.4g' % (args['lr'] * (0.2 + 2 * f.rng.random())))
            c = {
                'id': f'optim/{len(f.cases)}/{name}',
                'optimizer': name,
                'args': args,
                'params': [encode(f.randn(s)) for s in shapes],
                'grads': [
                    [None if (k == 2 and st == 1) else encode(f.randn(s) * (0 if k == 0 and st == 2 else 1)) for k, s in enumerate(shapes)]
                    for st in range(5)
                ],
            }
            if r and name != 'RMSprop':
                c['groups'] = [{'params': [0, 1], 'args': {}}, {'params': [2], 'args': {'lr': args['lr'] * 3, 'weight_decay': 0.05}}]
            a, b = run_optim(c, torch.float64), run_optim(c, torch.float32)
            c['after'] = [[expected(x, y) for x, y in zip(p, q)] for p, q in zip(a, b)]
            f.cases.append(c)


def sched_values(c):
    p = torch.zeros(1, requires_grad=True)
    o = c['optimizer']
    opt = getattr(torch.optim, o['type'])([p], **{k: tuple(v) if k == 'betas' else v for k, v in o['args'].items()})
    s = getattr(torch.optim.lr_scheduler, c['scheduler'])(opt, **c['args'])
    lr, mom = [], []
    for _ in range(c['steps'] + 1):
        g = opt.param_groups[0]
        lr.append(g['lr'])
        mom.append(g['betas'][0] if 'betas' in g else g.get('momentum'))
        if len(lr) <= c['steps']:
            opt.step()
            s.step()
    return lr, mom


def family_sched(f):
    def add(sc, a, steps, o=None):
        c = {
            'id': f'sched/{len(f.cases)}/{sc}',
            'scheduler': sc,
            'args': a,
            'steps': steps,
            'optimizer': o or {'type': 'SGD', 'args': {'lr': f.choice([0.1, 0.3, 0.0125])}},
        }
        c['lr'], c['momentum'] = sched_values(c)
        c['tol_rel'] = 1e-9
        f.cases.append(c)  # entry k = value in force before scheduler step k+1; entry 0 = right after construction

    for k in range(f.count(3)):
        add('StepLR', {'step_size': f.integer(1, 4), 'gamma': f.choice([0.1, 0.5, 0.9])}, 10)
        add('MultiStepLR', {'milestones': [2, 5, 6], 'gamma': 0.3}, 9)
        add('ExponentialLR', {'gamma': 0.9}, 6)
        add('CosineAnnealingLR', {'T_max': f.integer(3, 8), 'eta_min': f.choice([0, 0.001])}, 20)
        add('LinearLR', {'start_factor': 0.25, 'total_iters': f.integer(2, 5)}, 8)
        n = f.integer(6, 20)
        add(
            'OneCycleLR',
            {
                'max_lr': f.choice([0.1, 1.0]),
                'total_steps': n,
                'pct_start': f.choice([0.3, 0.2, 0.5]),
                'anneal_strategy': f.choice(['cos', 'linear']),
            },
            n - 1,
            f.choice([{'type': 'SGD', 'args': {'lr': 0.1, 'momentum': 0.9}}, {'type': 'AdamW', 'args': {'lr': 0.1}}]),
        )
        add(
            'OneCycleLR',
            {
                'max_lr': 0.5,
                'epochs': 2,
                'steps_per_epoch': f.integer(4, 9),
                'three_phase': True,
                'div_factor': 10.0,
                'final_div_factor': 100.0,
                'base_momentum': 0.8,
                'max_momentum': 0.9,
            },
            7,
            {'type': 'SGD', 'args': {'lr': 0.1, 'momentum': 0.9}},
        )


def run_clip(c, dt):
    ps = [cast(decode(g), dt).requires_grad_() for g in c['grads']]
    for p in ps:
        p.grad = p.detach().clone()
    n = torch.nn.utils.clip_grad_norm_(ps, c['max_norm'], float(c['norm_type']))
    return n, [p.grad for p in ps]


def family_clip(f):
    for k in range(f.count(9)):
        c = {
            'id': f'clip/{k}',
            'max_norm': f.choice([0.1, 1.0, 5.0, 100.0]),
            'norm_type': f.choice([2, 2, 1, 3, 'inf']),
            'grads': [encode(f.randn(f.shape(0, 3), f.choice([0, 1, 10]) if k else 0)) for _ in range(f.integer(1, 4))],
        }
        (n, a), (m, b) = run_clip(c, torch.float64), run_clip(c, torch.float32)
        c['total_norm'] = expected(n, m)
        c['after'] = [expected(x, y) for x, y in zip(a, b)]
        f.cases.append(c)


# ---------------------------------------------------------------- family: a few training steps
def run_train(c, dt):
    m = module_of(c, dt)
    keywords = {k: tuple(v) if k == 'betas' else v for k, v in c['optimizer']['args'].items()}
    opt = getattr(torch.optim, c['optimizer']['type'])(m.parameters(), **keywords)
    losses = []
    for b in c['batches']:
        x, y = cast(decode(b['x']), dt), cast(decode(b['y']), dt)
        opt.zero_grad()
        l = F.cross_entropy(m([x], {}), y)
        l.backward()
        if c.get('clip'):
            nn.utils.clip_grad_norm_(m.parameters(), c['clip'])
        opt.step()
        losses.append(l.detach())
    return torch.stack(losses), m


def family_train(f):
    trained = [
        ('MLP', {'i': 6, 'h': 8, 'o': 3, 'act': 'ReLU'}, [6]),
        ('CNN', {'cin': 2, 'classes': 3}, [2, 8, 8]),
        (
            'SeedVit',
            {'img_size': 8, 'patch_size': 4, 'X_shape': None, 'num_blocks': 2, 'heads': 4, 'dropout': 0.0, 'classes': 3},
            [3, 8, 8],
        ),
        ('PreNormViT', {'image': 8, 'patch': 4, 'channels': 3, 'dim': 8, 'depth': 2, 'heads': 2, 'mlp': 12, 'classes': 3}, [3, 8, 8]),
    ]
    for r in range(f.count(1)):
        for t, a, xs in trained:
            for o in (
                {'type': 'SGD', 'args': {'lr': 0.05}},
                {'type': 'SGD', 'args': {'lr': 0.05, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.001}},
                {'type': 'AdamW', 'args': {'lr': 0.005, 'weight_decay': 0.05}},
            ):
                m = fill(MODULES[t](a), f.rng)
                B = 4
                c = {
                    'id': f'train/{len(f.cases)}/{t}/{o["type"]}',
                    'module': {'type': t, 'args': a, 'training': True},
                    'params': {strip(n): encode(p) for n, p in m.named_parameters()},
                    'buffers': {strip(n): encode(b) for n, b in m.named_buffers()},
                    'optimizer': o,
                    'clip': 1.0 if o['type'] == 'AdamW' else None,
                    'batches': [{'x': encode(f.randn([B] + xs)), 'y': encode(f.rng.integers(0, 3, [B]))} for _ in range(4)],
                }
                (l64, m64), (l32, m32) = run_train(c, torch.float64), run_train(c, torch.float32)
                c['losses'] = expected(l64, l32)
                p32 = dict(m32.named_parameters())
                c['params_after'] = {strip(n): expected(p, p32[n]) for n, p in m64.named_parameters()}
                # The key bias has gradient 0 in exact arithmetic; Adam turns its rounding noise into steps of size lr
                if o['type'] == 'AdamW':
                    for n, t_ in c['params_after'].items():
                        t_['tol'] = max(t_['tol'], 2.5 * o['args']['lr'] * len(c['batches']) if n.endswith('in_proj_bias') else 0)
                b32 = dict(m32.named_buffers())
                c['buffers_after'] = {strip(n): expected(p, b32[n]) for n, p in m64.named_buffers()}
                f.cases.append(c)


# ---------------------------------------------------------------- family: calls that must be refused
REFUSED = {
    'add': ([[3, 2], [3]], lambda t: t[0] + t[1]),
    'matmul': ([[2, 3], [2, 3]], lambda t: t[0] @ t[1]),
    'matmul0d': ([[], [3]], lambda t: t[0] @ t[1]),
    'bmm-batch': ([[2, 3, 4], [3, 4, 5]], lambda t: torch.bmm(t[0], t[1])),
    'reshape': ([[2, 3]], lambda t: t[0].reshape(4)),
    'reshape-two-minus-ones': ([[2, 3]], lambda t: t[0].reshape(-1, -1)),
    'view-noncontiguous': ([[2, 3]], lambda t: t[0].t().view(6)),
    'expand': ([[2, 3]], lambda t: t[0].expand(2, 4)),
    'cat-shape': ([[2, 3], [2, 4]], lambda t: torch.cat([t[0], t[1]], 0)),
    'stack-shape': ([[2], [3]], lambda t: torch.stack([t[0], t[1]])),
    'cat-empty-list': ([], lambda t: torch.cat([])),
    'select-range': ([[2]], lambda t: t[0].select(0, 2)),
    'index-range': ([[2]], lambda t: t[0][torch.tensor([0, 2])]),
    'dim-range': ([[2]], lambda t: t[0].sum(1)),
    'permute-repeat': ([[2, 3]], lambda t: t[0].permute(0, 0)),
    'split-sections': ([[4]], lambda t: torch.split(t[0], [1, 2])),
    'conv-channels': ([[1, 3, 4, 4], [2, 2, 3, 3]], lambda t: F.conv2d(t[0], t[1])),
    'conv-kernel-too-big': ([[1, 1, 2, 2], [1, 1, 3, 3]], lambda t: F.conv2d(t[0], t[1])),
    'conv-groups': ([[1, 3, 4, 4], [2, 1, 3, 3]], lambda t: F.conv2d(t[0], t[1], groups=3)),
    'linear-features': ([[2, 3], [4, 5]], lambda t: F.linear(t[0], t[1])),
    'layer_norm-shape': ([[2, 3]], lambda t: F.layer_norm(t[0], [4])),
    'max-of-empty': ([[0]], lambda t: t[0].max()),
    'cross_entropy-range': ([[2, 3]], lambda t: F.cross_entropy(t[0], torch.tensor([0, 3]))),
    'cross_entropy-batch': ([[2, 3]], lambda t: F.cross_entropy(t[0], torch.tensor([0]))),
    'embedding-range': ([[3, 2]], lambda t: F.embedding(torch.tensor([3]), t[0])),
    'backward-nonscalar': ([[2]], lambda t: (t[0] * 2).backward()),
    'backward-no-grad': ([[2]], lambda t: t[0].detach().sum().backward()),
    'backward-twice': ([[2]], lambda t: (lambda l: (l.backward(), l.backward()))((t[0] * t[0]).sum())),
    'inplace-leaf': ([[2]], lambda t: t[0].add_(1)),
    'inplace-saved': ([[2]], lambda t: (lambda y: (lambda z: (y.mul_(2), z.sum().backward()))(y * y))(t[0] * 1)),
    'bad-dropout-p': ([], lambda t: nn.Dropout(1.5)),
    'mha-heads': ([], lambda t: nn.MultiheadAttention(5, 2)),
    'item-of-many': ([[2]], lambda t: t[0].item()),
    'batchnorm-one-value': ([[1, 3]], lambda t: F.batch_norm(t[0], None, None, training=True)),
    'sgd-negative-lr': ([[1]], lambda t: torch.optim.SGD(t, lr=-1)),
    'sgd-nesterov-without-momentum': ([[1]], lambda t: torch.optim.SGD(t, lr=1, nesterov=True)),
    'load_state_dict-shape': ([[2, 2]], lambda t: nn.Linear(3, 2).load_state_dict({'weight': t[0], 'bias': torch.zeros(2)})),
    'load_state_dict-missing': ([[2, 3]], lambda t: nn.Linear(3, 2).load_state_dict({'weight': t[0]})),
    'conv-module-groups': ([], lambda t: nn.Conv2d(3, 4, 1, groups=2)),
    'one-hot-target-dtype-shape': ([[2, 3], [2, 4]], lambda t: F.cross_entropy(t[0], t[1])),
    'mse-shape-nobroadcast': ([[2, 3], [4]], lambda t: F.mse_loss(t[0], t[1])),
    'onecycle-past-end': (
        [[1]],
        lambda t: (lambda s: [s.step() for _ in range(9)])(
            torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD(t, lr=0.1, momentum=0.9), 0.1, total_steps=5)
        ),
    ),
}


def family_errors(f):
    for n, (shapes, fn) in REFUSED.items():
        t = [torch.from_numpy(f.randn(s)).requires_grad_() for s in shapes]
        try:
            fn(t)
            r = None
        except Exception as e:
            r = {'type': type(e).__name__, 'message': str(e).split('\n')[0][:200]}
        f.cases.append({'id': f'errors/{n}', 'call': n, 'shapes': shapes, 'raises': r})


FAMILIES = {k[7:]: v for k, v in globals().items() if k.startswith('family_')}


# ---------------------------------------------------------------- replay
def close(name, want, got):
    """Whether a tensor is within the tolerance of the expected one; prints what is not."""
    if want is None:
        return got is None
    w = decode(want)
    g = got.detach().numpy()
    if list(g.shape) != want['shape']:
        print('SHAPE', name, g.shape, want['shape'])
        return False
    if want['dtype'] != 'float32':
        return np.array_equal(w, g)
    with np.errstate(all='ignore'):
        good = (np.abs(w.astype(np.float64) - g) <= want['tol']) | (w == g) | (np.isnan(w) & np.isnan(g))
    if not good.all():
        print('VALUE', name, 'worst', np.nanmax(np.abs(w - g)), 'tol', want['tol'])
    return bool(good.all())


def replay(d):
    """Recomputes every case of a folder in float32; the number that failed."""
    n = bad = 0
    for fn in sorted(os.listdir(d)):
        if not fn.endswith('.json'):
            continue
        j = json.load(open(os.path.join(d, fn)))
        fam = j['family']
        for c in j['cases']:
            n += 1
            r = True
            if fam == 'optim':
                r = all(close(c['id'], w, g) for ws, gs in zip(c['after'], run_optim(c, torch.float32)) for w, g in zip(ws, gs))
            elif fam == 'sched':
                r = sched_values(c)[0] == c['lr']
            elif fam == 'clip':
                t, g = run_clip(c, torch.float32)
                r = close(c['id'], c['total_norm'], t) and all(close(c['id'], a, b) for a, b in zip(c['after'], g))
            elif fam == 'train':
                l, m = run_train(c, torch.float32)
                r = close(c['id'], c['losses'], l) and all(
                    close(c['id'] + n_, c['params_after'][strip(n_)], p) for n_, p in m.named_parameters()
                )
            elif fam == 'errors':
                r = c['raises'] is not None
            else:
                m = module_of(c, torch.float32)
                l, o = execute(c, torch.float32, m)
                cotangents = [None if k is None else torch.from_numpy(decode(k)) for k in c['cotangents']]
                g, p = grads(l, o, cotangents, m)
                r = all(
                    [close(c['id'] + ' out', a, b) for a, b in zip(c['outputs'], o)]
                    + [close(c['id'] + ' grad', a, b) for a, b in zip(c['grads'], g)]
                )
                if m is not None:
                    r = r and all([close(c['id'] + ' ' + k, a, b) for (k, a), b in zip(c['param_grads'].items(), p)])
            if not r:
                bad += 1
                print('FAILED', c['id'])
    print(f'{n - bad} passed, {bad} failed')
    return bad


def draw(name, seed, scale):
    """One family of cases, as the file holds it."""
    family = Family(name, seed, scale)
    torch.manual_seed(seed)
    FAMILIES[name](family)
    return {'family': name, 'seed': seed, 'torch': torch.__version__, 'cases': family.cases}


def write_folder(seed, folder, names, scale):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        family = draw(name, seed, scale)
        path = os.path.join(folder, name + '.json')
        with open(path, 'w') as file:
            json.dump(family, file, allow_nan=False)
        print(f'{name}: {len(family["cases"])} cases, {os.path.getsize(path) // 1024} KiB')


def write_archive(path):
    """Every family of one seed and some of a second, drawn small; trainings of the large model and second large cases are left out."""
    first = [draw(name, 1, {'optim': 1, 'clip': 1, 'attention': 0.6}.get(name, 0.4)) for name in FAMILIES]
    second = [draw(name, 2, 0.3) for name in ('binary', 'matmul', 'reduce', 'shape', 'conv', 'norm', 'loss', 'graph')]
    for family in first:
        family['cases'] = [case for case in family['cases'] if not case['id'].startswith('train/') or case['module']['type'] != 'SeedVit']
    for family in second:
        family['cases'] = [case for case in family['cases'] if len(json.dumps(case)) < 20_000]
    text = json.dumps(first + second, allow_nan=False, separators=(',', ':'))
    with open(path, 'wb') as file:
        file.write(gzip.compress(text.encode(), mtime=0))
    print(f'{sum(len(family["cases"]) for family in first + second)} cases, {os.path.getsize(path) // 1024} KiB')


def main():
    if len(sys.argv) < 3:
        sys.exit('\n'.join(__doc__.splitlines()[:5]))
    if sys.argv[1] == '--replay':
        sys.exit(1 if replay(sys.argv[2]) else 0)
    if sys.argv[1] == '--archive':
        return write_archive(sys.argv[2])
    seed, folder = int(sys.argv[1]), sys.argv[2]
    options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
    names = options['--families'].split(',') if '--families' in options else FAMILIES
    write_folder(seed, folder, names, float(options.get('--scale', 1)))


if __name__ == '__main__':
    main()
