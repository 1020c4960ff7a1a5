"""
The recipe of small-vit.json in PyTorch, as a PyTorch user writes it, to compare accuracy and time:

    python3 examples/recipes/small-vit.py [--seed 0] [--threads 2] [--steps N]

With --steps only so many steps are made, and the time of the fastest and of the middle one is printed.
"""
import argparse
import math
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPOCHS, BATCH = 3, 128


def load(pattern):
    """Pictures, normalised, and labels from CIFAR-10's binary files."""
    files = sorted(pathlib.Path('data/cifar10').glob(pattern))
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
    pictures = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    return (pictures - MEAN) / STD, torch.from_numpy(records[:, 0].astype(np.int64))


MEAN = torch.tensor([0.4914, 0.48216, 0.44653]).view(1, 3, 1, 1)
STD = torch.tensor([0.24703, 0.24349, 0.26159]).view(1, 3, 1, 1)


def flip_crop(pictures):
    """A random crop of 32 x 32 after black padding of 4, mirrored or not, for each picture."""
    count = len(pictures)
    padded = (-MEAN / STD).expand(count, 3, 40, 40).clone()
    padded[:, :, 4:36, 4:36] = pictures
    top, left, mirrored = torch.randint(0, 9, (count, 1)), torch.randint(0, 9, (count, 1)), torch.rand(count, 1) < 0.5
    rows, columns = top + torch.arange(32), left + torch.arange(32)
    columns = torch.where(mirrored, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, dim=128, depth=6, heads=4, hidden=256, patch=4):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, patch, stride=patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, 65, dim) * 0.02)
        self.blocks = nn.Sequential(*(Block(dim, heads, hidden) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        patches = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), patches], 1) + self.pos
        return self.head(self.norm(self.blocks(tokens))[:, 0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--steps', type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    pictures, labels = load('data_batch_*.bin')
    test_pictures, test_labels = load('test_batch.bin')
    model = ViT()
    total_steps = EPOCHS * math.ceil(len(pictures) / BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=total_steps)

    times = []
    for epoch in range(EPOCHS):
        model.train()
        began, total = time.perf_counter(), 0
        for chosen in torch.randperm(len(pictures)).split(BATCH):
            step_began = time.perf_counter()
            loss = F.cross_entropy(model(flip_crop(pictures[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
            times.append(1000 * (time.perf_counter() - step_began))
            if len(times) == options.steps:
                print(f'{options.threads} threads: {min(times):.0f} ms a step at least, {sorted(times)[len(times) // 2]:.0f} in the middle')
                return
        seconds = time.perf_counter() - began
        model.eval()
        with torch.no_grad():
            right = sum((model(some).argmax(1) == truth).sum().item() for some, truth in zip(test_pictures.split(500), test_labels.split(500)))
        print(f'epoch {epoch + 1}/{EPOCHS}: loss {total / len(pictures):.4f}, test accuracy {100 * right / len(test_labels):.1f} %, {seconds:.0f} s', flush=True)


if __name__ == '__main__':
    main()
