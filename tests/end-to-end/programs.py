#!/usr/bin/env python3
"""Whole programs as PyTorch's users write them, for vitgrad to repeat word by word:  python3 programs.py > programs.json

Each returns its losses. They are computed in float64 from the same float32 draws; tolerances are as in generate.py.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn, optim

torch.set_num_threads(1)


def randn(*shape):
    """Drawn in float32, whatever the precision of the run."""
    return torch.randn(*shape, dtype=torch.float32).to(torch.get_default_dtype())


def made(make):
    """A module with float32's initial weights, in the precision of the run."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    module = make()
    torch.set_default_dtype(dtype)
    return module.to(dtype)


class Head(nn.Module):
    def __init__(self, dim, size, block):
        super().__init__()
        self.key = nn.Linear(dim, size, bias=False)
        self.query = nn.Linear(dim, size, bias=False)
        self.value = nn.Linear(dim, size, bias=False)
        self.register_buffer('tril', torch.tril(torch.ones(block, block)))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        T = x.shape[1]
        k, q = self.key(x), self.query(x)
        scores = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
        scores = scores.masked_fill(self.tril[:T, :T] == 0, float('-inf'))
        return self.dropout(F.softmax(scores, dim=-1)) @ self.value(x)


class Block(nn.Module):
    def __init__(self, dim, heads, block):
        super().__init__()
        self.heads = nn.ModuleList([Head(dim, dim // heads, block) for _ in range(heads)])
        self.proj = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Linear(4 * dim, dim), nn.Dropout(0.1))
        self.ln1 = nn.LayerNorm(dim)
        self.ln2 = nn.LayerNorm(dim)

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.proj(torch.cat([head(y) for head in self.heads], dim=-1))
        return x + self.mlp(self.ln2(x))


class LanguageModel(nn.Module):
    def __init__(self, words, dim, heads, blocks, block):
        super().__init__()
        self.tok = nn.Embedding(words, dim)
        self.pos = nn.Embedding(block, dim)
        self.blocks = nn.Sequential(*[Block(dim, heads, block) for _ in range(blocks)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, words, bias=False)
        self.head.weight = self.tok.weight

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def language_model():
    text = 'the quick brown fox jumps over the lazy dog. ' * 9
    letters = sorted(set(text))
    data = torch.tensor([letters.index(letter) for letter in text])
    torch.manual_seed(1337)
    model = made(lambda: LanguageModel(len(letters), 16, 4, 2, 8))
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        starts = torch.randint(len(data) - 8, (4,))
        x = torch.stack([data[i : i + 8] for i in starts])
        y = torch.stack([data[i + 1 : i + 9] for i in starts])
        loss = F.cross_entropy(model(x).view(-1, len(letters)), y.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def adversaries():
    torch.manual_seed(7)
    generator = made(lambda: nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2)))
    critic = made(lambda: nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(16, 1), nn.Sigmoid()))
    g = optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
    c = optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.999))
    bce = nn.BCELoss()
    losses = []
    for _ in range(5):
        real = randn(16, 2) * 0.5 + 2
        fake = generator(randn(16, 4))
        loss = bce(critic(real), torch.ones(16, 1)) + bce(critic(fake.detach()), torch.zeros(16, 1))
        c.zero_grad()
        loss.backward()
        c.step()
        fooling = bce(critic(fake), torch.ones(16, 1))
        g.zero_grad()
        fooling.backward()
        g.step()
        losses += [loss.item(), fooling.item()]
    return losses


def gradient_penalty():
    torch.manual_seed(8)
    critic = made(lambda: nn.Sequential(nn.Linear(2, 12), nn.LayerNorm(12), nn.Tanh(), nn.Linear(12, 1)))
    optimizer = optim.RMSprop(critic.parameters(), lr=0.005)
    losses = []
    for _ in range(5):
        real, fake = randn(8, 2) + 1, randn(8, 2)
        share = torch.rand(8, 1, dtype=torch.float32).to(real.dtype)
        x = (share * real + (1 - share) * fake).requires_grad_()
        (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        loss = critic(fake).mean() - critic(real).mean() + 10 * ((grad.norm(2, dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def meta_learning():
    torch.manual_seed(10)
    W = randn(3, 1).requires_grad_()
    b = torch.zeros(1, requires_grad=True)
    losses = []
    for _ in range(4):
        loss = 0
        for task in (1, 2, 3):
            X = randn(6, 3)
            inner = F.mse_loss(X @ W + b, X.sum(1, keepdim=True) * task)
            dW, db = torch.autograd.grad(inner, [W, b], create_graph=True)
            X = randn(6, 3)
            loss = loss + F.mse_loss(X @ (W - 0.1 * dW) + b - 0.1 * db, X.sum(1, keepdim=True) * task)
        loss.backward()
        with torch.no_grad():
            W -= 0.05 * W.grad
            b -= 0.05 * b.grad
            W.grad.zero_()
            b.grad = None
        losses.append(loss.item())
    return losses


def adam_by_hand():
    torch.manual_seed(11)
    w = randn(4).requires_grad_()
    m, v = torch.zeros(4), torch.zeros(4)
    losses = []
    for t in range(1, 8):
        loss = ((w - torch.tensor([1.0, 2.0, 3.0, 4.0])) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            m.mul_(0.9).add_(w.grad, alpha=0.1)
            v.mul_(0.99).addcmul_(w.grad, w.grad, value=0.01)
            w.addcdiv_(m / (1 - 0.9**t), (v / (1 - 0.99**t)).sqrt_().add_(1e-8), value=-0.1)
        w.grad = None
        losses.append(loss.item())
    return losses


def run(program):
    results = []
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        losses = program()
        results.append((losses, torch.rand(2, dtype=torch.float32).tolist()))
    (exact, random), (single, _) = results
    error = max(abs(p - q) for p, q in zip(exact, single))
    return {'losses': exact, 'tolerance': 20 * error + 1e-5, 'randomAfterwards': random}


if __name__ == '__main__':
    programs = (language_model, adversaries, gradient_penalty, meta_learning, adam_by_hand)
    print(json.dumps({program.__name__: run(program) for program in programs}, indent=1))
