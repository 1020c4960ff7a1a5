"""
Writes golden.json, what PyTorch 1.13 computes for the models of examples/training/pytorch:  /usr/bin/python3 tests/vit/golden.py

Of each case, from seed 0 and in training: of each parameter the sum of its numbers and of its gradient's, times the weights
((i * 7919) % 101) / 50 - 1, logits, loss, the losses of three steps of SGD, and the logits in evaluation after them.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / 'examples/training/pytorch'))
from compact_transformer import CompactTransformer  # noqa: E402
from notebook_vit import Vit  # noqa: E402
from vision_transformer import VisionTransformer  # noqa: E402

CERTAIN = dict(attention_dropout=0, drop_path=0)
CCT = dict(image_size=12, classes=3, dim=16, depth=2, heads=2, conv_layers=2)
VIT = dict(image_size=8, patch_size=4, classes=3, dim=16, depth=2, heads=4, mlp_ratio=1.5)
NOTEBOOK = dict(image_size=8, patch_size=4, num_blocks=2, heads=4, dropout=0.1, classes=3)

CASES = {
    'CompactTransformer: learned positions, two convolutions': (CompactTransformer, dict(CCT, **CERTAIN)),
    'CompactTransformer: waves, one convolution of 5 x 5': (CompactTransformer, dict(image_size=7, classes=4, dim=12, depth=1, heads=3, mlp_ratio=1.5, kernel_size=5, positions='sine', channels=1, **CERTAIN)),
    'CompactTransformer: no positions': (CompactTransformer, dict(image_size=8, classes=2, dim=8, depth=1, heads=1, mlp_ratio=1, positions='none', **CERTAIN)),
    'CompactTransformer: three convolutions with batch norm': (CompactTransformer, dict(image_size=16, classes=3, dim=12, depth=1, heads=2, conv_layers=3, conv_channels=[5, 10], conv_norm=True, **CERTAIN)),
    'CompactTransformer: dropout and stochastic depth': (CompactTransformer, dict(CCT, depth=3, dropout=0.1, attention_dropout=0.2, drop_path=0.4)),
    "VisionTransformer: timm's initial weights": (VisionTransformer, VIT),
    'VisionTransformer: the initial weights of its layers, dropout': (VisionTransformer, dict(VIT, weight_init='skip', dropout=0.1, drop_path=0.2)),
    'Vit: as the notebook has it': (Vit, NOTEBOOK),
    'Vit: the residual before the norm': (Vit, dict(NOTEBOOK, prenorm=True)),
}


def numbers(t):
    return [float(str(x)) for x in t.detach().numpy().astype(np.float32).ravel()]


def weighted(t):
    t = t.detach().double().ravel()
    return float((t * (torch.arange(len(t)) * 7919 % 101 / 50 - 1)).sum())


def case(Model, options):
    torch.manual_seed(0)
    model = Model(**options)
    parameters = {name: weighted(p) for name, p in model.named_parameters()}
    images = torch.randn(4, options.get('channels', 3), options['image_size'], options['image_size'])
    labels = torch.arange(4) % options['classes']
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    grads = {name: weighted(p.grad) for name, p in model.named_parameters() if p.grad is not None}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        step = F.cross_entropy(model(images), labels)
        step.backward()
        optimizer.step()
        losses.append(step.item())
    asked = model.eval()(images)
    return {'model': Model.__name__, 'options': options, 'parameters': parameters, 'logits': numbers(logits), 'loss': loss.item(), 'grads': grads, 'losses': losses, 'asked': numbers(asked)}


path = HERE / 'golden.json'
path.write_text('{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(case(*about))}' for name, about in CASES.items()) + '\n}\n')
print(f'torch {torch.__version__}, {path.stat().st_size} bytes')
