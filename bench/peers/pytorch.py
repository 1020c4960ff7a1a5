"""PyTorch's training step: pytorch.py CONFIG-AS-JSON SECONDS [THREADS] prints one line of JSON. Without THREADS, as installed."""
import json
import math
import os
import platform
import re
import resource
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

SETTLED_AFTER = 5
TOO_SLOW = 30


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, dim, bias=False)
        self.v = nn.Linear(dim, dim, bias=False)
        self.o = nn.Linear(dim, dim, bias=False)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = (f(x).view(batch, tokens, self.heads, dim // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        weights = F.softmax(q @ k.transpose(-2, -1) / math.sqrt(dim // self.heads), dim=-1)
        return self.o((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden, act):
        super().__init__()
        self.ln1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.ln2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU() if act == "gelu" else nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class ViT(nn.Module):
    def __init__(self, c):
        super().__init__()
        dim, tokens = c["dim"], (c["image"] // c["patch"]) ** 2 + 1
        self.patch = nn.Conv2d(3, dim, c["patch"], stride=c["patch"])
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, tokens, dim) * 0.02)
        self.blocks = nn.Sequential(*[Block(dim, c["heads"], c["hidden"], c["act"]) for _ in range(c["depth"])])
        self.ln = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, c["classes"])

    def forward(self, pictures):
        patches = self.patch(pictures).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(patches.shape[0], -1, -1), patches], 1) + self.pos
        return self.head(self.ln(self.blocks(x))[:, 0])


def cpu_seconds():
    """Processor time of everybody, and of this process."""
    user, nice, system, _, _, irq, softirq = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + softirq) / 100, time.process_time()


def blas():
    """The library that computes matrix products: what has been loaded, not what was meant to be."""
    libraries = set(re.findall(r"/\S*(?:openblas|mkl_rt|mkl_core|mkl_intel|blis|atlas|libblas)\S*", open("/proc/self/maps").read()))
    openblas = sorted(os.path.basename(path) for path in libraries if "openblas" in os.path.basename(path))
    if openblas:
        return f"OpenBLAS ({openblas[0]})"
    return "MKL" if torch.backends.mkl.is_available() else "BLAS unknown (" + ", ".join(sorted(map(os.path.basename, libraries))) + ")"


def main():
    config, budget = json.loads(sys.argv[1]), float(sys.argv[2])
    if len(sys.argv) > 3:
        torch.set_num_threads(int(sys.argv[3]))
    torch.manual_seed(0)
    model = ViT(config)
    x = torch.randn(config["batch"], 3, config["image"], config["image"])
    y = torch.randint(0, config["classes"], (config["batch"],))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])

    def step():
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        value = loss.item()
        return time.perf_counter() - start, value

    # The same protocol as ../measure.ts.
    all0, own0 = cpu_seconds()
    wall0 = time.perf_counter()
    seconds, first = step()
    last, warmup, times = first, 1, []
    if seconds > TOO_SLOW:
        warmup, times = 0, [seconds]
    else:
        end, best, unimproved = time.perf_counter() + budget - seconds, seconds, 0
        while unimproved < SETTLED_AFTER and time.perf_counter() < end:
            seconds, last = step()
            warmup += 1
            unimproved = 0 if seconds < 0.98 * best else unimproved + 1
            best = min(best, seconds)
        all0, own0 = cpu_seconds()
        wall0 = time.perf_counter()
        end = wall0 + budget
        while not times or time.perf_counter() < end:
            seconds, last = step()
            times.append(seconds)
    all1, own1 = cpu_seconds()
    wall = time.perf_counter() - wall0
    best = min(times)
    print(json.dumps({
        "name": "PyTorch", "version": torch.__version__, "runtime": "Python " + platform.python_version(),
        "setting": f"{torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''}, {blas()}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": config["key"], "batch": config["batch"],
        "msMin": 1000 * best, "msMedian": 1000 * statistics.median(times),
        "imagesPerSecond": config["batch"] / best, "gflops": config["flops"] / best / 1e9,
        "steps": len(times), "warmupSteps": warmup,
        "coresUsed": (own1 - own0) / wall, "othersLoad": max(0, all1 - all0 - (own1 - own0)) / wall,
        "peakRssMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": [first, last],
    }))


main()
