"""
Writes compact-transformer.golden.json, what PyTorch 1.13 computes for the Compact Convolutional Transformer:
/usr/bin/python3 tests/vit/compact-transformer.golden.py

The model is written from the paper (arXiv 2104.05704) with the names, the initial values and the order of layers of its authors' program.
Of each case: logits, loss, of each parameter the sum of its numbers and of its gradient's, times the weights ((i * 7919) % 101) / 50 - 1,
and the losses of three steps of SGD.
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, dim = x.shape
        q, k, v = self.qkv(x).reshape(B, N, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(B, N, dim))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.pre_norm = nn.LayerNorm(dim)
        self.self_attn = Attention(dim, heads)
        self.linear1 = nn.Linear(dim, hidden)
        self.norm1 = nn.LayerNorm(dim)
        self.linear2 = nn.Linear(hidden, dim)

    def forward(self, x):
        y = self.norm1(x + self.self_attn(self.pre_norm(x)))
        return y + self.linear2(F.gelu(self.linear1(y)))


class Tokenizer(nn.Module):
    def __init__(self, channels, kernel, norm):
        super().__init__()
        self.conv_layers = nn.Sequential(*[
            nn.Sequential(nn.Conv2d(a, b, kernel, padding=kernel // 2, bias=False), *(
                [nn.MaxPool2d(3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()] if norm else [nn.ReLU(), nn.MaxPool2d(3, 2, 1)]))
            for a, b in zip(channels, channels[1:])])
        for layer in self.conv_layers:
            nn.init.kaiming_normal_(layer[0].weight)

    def forward(self, x):
        return self.conv_layers(x).flatten(2).transpose(1, 2)


class Classifier(nn.Module):
    def __init__(self, tokens, dim, depth, heads, hidden, classes, positions):
        super().__init__()
        self.attention_pool = nn.Linear(dim, 1)
        if positions == 'learnable':
            self.positional_emb = nn.Parameter(torch.zeros(1, tokens, dim))
            nn.init.trunc_normal_(self.positional_emb, std=0.2)
        elif positions == 'sine':
            angles = torch.tensor([[p / 10000 ** (2 * (i // 2) / dim) for i in range(dim)] for p in range(tokens)])
            angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
            self.positional_emb = nn.Parameter(angles[None], requires_grad=False)
        else:
            self.positional_emb = None
        self.blocks = nn.ModuleList([Block(dim, heads, hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.fc = nn.Linear(dim, classes)
        self.apply(self.initialize)

    @staticmethod
    def initialize(module):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x):
        if self.positional_emb is not None:
            x = x + self.positional_emb
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.fc((self.attention_pool(x).softmax(1).transpose(1, 2) @ x).squeeze(1))


class CompactTransformer(nn.Module):
    def __init__(self, image_size, classes, dim, depth, heads, mlp_ratio, conv_layers, kernel, positions, channels, conv_channels=None, conv_norm=False):
        super().__init__()
        self.tokenizer = Tokenizer([channels] + (conv_channels or [64] * (conv_layers - 1)) + [dim], kernel, conv_norm)
        tokens = self.tokenizer(torch.zeros(1, channels, image_size, image_size)).shape[1]
        self.classifier = Classifier(tokens, dim, depth, heads, int(dim * mlp_ratio), classes, positions)

    def forward(self, x):
        return self.classifier(self.tokenizer(x))


CASES = {
    'learned positions, two convolutions': dict(image_size=12, classes=3, dim=16, depth=2, heads=2, mlp_ratio=2, conv_layers=2, kernel=3, positions='learnable', channels=3),
    'waves, one convolution of 5 x 5': dict(image_size=7, classes=4, dim=12, depth=1, heads=3, mlp_ratio=1.5, conv_layers=1, kernel=5, positions='sine', channels=1),
    'no positions': dict(image_size=8, classes=2, dim=8, depth=1, heads=1, mlp_ratio=1, conv_layers=1, kernel=3, positions='none', channels=3),
    'three convolutions with batch norm': dict(image_size=16, classes=3, dim=12, depth=1, heads=2, mlp_ratio=2, conv_layers=3, kernel=3, positions='learnable', channels=3, conv_channels=[5, 10], conv_norm=True),
}


def weighted(t):
    t = t.detach().double().ravel()
    return float((t * (torch.arange(len(t)) * 7919 % 101 / 50 - 1)).sum())


def case(options):
    torch.manual_seed(0)
    model = CompactTransformer(**options)
    parameters = {name: weighted(p) for name, p in model.named_parameters()}
    images = torch.randn(4, options['channels'], options['image_size'], options['image_size'])
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
    return {'options': options, 'parameters': parameters, 'logits': [float(str(x)) for x in logits.detach().numpy().astype(np.float32).ravel()], 'loss': loss.item(), 'grads': grads, 'losses': losses}


path = pathlib.Path(__file__).with_suffix('.json')
path.write_text('{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(case(options))}' for name, options in CASES.items()) + '\n}\n')
print(f'torch {torch.__version__}, {path.stat().st_size} bytes')
