"""
A recipe in PyTorch, as a PyTorch user writes it, to compare accuracy and time:

    python3 examples/recipes/in-pytorch.py notebook-vit|small-vit|cct [--seed 0] [--threads 2] [--steps N]

The recipe's numbers are those of its config file, and the models those that `npm run export` gives. With --steps only so many steps are
made, and the time of the fastest and of the middle one is printed.
"""
import argparse
import json
import math
import pathlib
import sys
import time

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
except ModuleNotFoundError as error:
    sys.exit(f'{sys.executable} has no {error.name}: install what is missing (python3 -m pip install torch numpy), or use a Python that has both')

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'training/pytorch'))
from compact_transformer import CompactTransformer  # noqa: E402
from notebook_vit import Vit  # noqa: E402
from vision_transformer import VisionTransformer  # noqa: E402

RECIPES = ('notebook-vit', 'small-vit', 'cct')
CLASSES, SIZE = 10, 32
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.247, 0.2435, 0.2616]).view(1, 3, 1, 1)


def load(pattern):
    """Pictures, normalised, and labels from CIFAR-10's binary files."""
    files = sorted((HERE.parent.parent / 'data/cifar10').glob(pattern))
    if not files:
        sys.exit('data/cifar10 does not hold CIFAR-10: run `npm run data:cifar10` first')
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 1 + 3 * SIZE * SIZE) for file in files])
    pictures = torch.from_numpy(records[:, 1:].reshape(-1, 3, SIZE, SIZE).copy()).float() / 255
    return (pictures - MEAN) / STD, torch.from_numpy(records[:, 0].astype(np.int64))


def flip_crop(pictures):
    """A random crop of 32 x 32 after black padding of 4, mirrored or not, for each picture."""
    count = len(pictures)
    padded = (-MEAN / STD).expand(count, 3, 40, 40).clone()
    padded[:, :, 4:36, 4:36] = pictures
    top, left, mirrored = torch.randint(0, 9, (count, 1)), torch.randint(0, 9, (count, 1)), torch.rand(count, 1) < 0.5
    rows, columns = top + torch.arange(32), left + torch.arange(32)
    columns = torch.where(mirrored, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def build(recipe):
    kind, depth, heads, dropout = recipe['model'], recipe['depth'], recipe['heads'], recipe.get('dropout', 0)
    if kind == 'notebook':
        return Vit(SIZE, recipe['patch'], depth, heads, dropout, CLASSES)
    size = dict(image_size=SIZE, classes=CLASSES, dim=recipe['dim'], depth=depth, heads=heads, mlp_ratio=recipe['mlp'], dropout=dropout)
    if kind == 'vit':
        return VisionTransformer(**size, patch_size=recipe['patch'], weight_init='skip' if recipe['init'] == 'torch' else 'timm')
    channels = [int(count) for count in recipe['conv-channels'].split(',')]
    return CompactTransformer(**size, conv_layers=recipe['conv-layers'], conv_channels=channels, conv_norm=recipe['conv-norm'], attention_dropout=dropout, drop_path=0)


def choose_optimizer(model, recipe):
    if recipe['optimizer'] == 'sgd':
        return torch.optim.SGD(model.parameters(), recipe['lr'], momentum=recipe['momentum'], weight_decay=recipe['weight-decay'])
    return torch.optim.AdamW(model.parameters(), recipe['lr'], weight_decay=recipe['weight-decay'])


def choose_schedule(optimizer, recipe, steps):
    """What is stepped after every batch."""
    if recipe['schedule'] == 'constant':
        return torch.optim.lr_scheduler.ConstantLR(optimizer, 1)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe['lr'], total_steps=steps, pct_start=recipe['warmup'] / recipe['epochs'])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('recipe', choices=RECIPES)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--steps', type=int)
    options = parser.parse_args()
    recipe = json.loads((HERE / f'{options.recipe}.json').read_text())
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    pictures, labels = load('data_batch_*.bin')
    test_pictures, test_labels = load('test_batch.bin')
    model = build(recipe)
    print(f'{type(model).__name__} with {sum(p.numel() for p in model.parameters()):,} parameters', flush=True)
    epochs, batch = recipe['epochs'], recipe['batch']
    optimizer = choose_optimizer(model, recipe)
    schedule = choose_schedule(optimizer, recipe, epochs * math.ceil(len(pictures) / batch))

    times = []
    for epoch in range(epochs):
        model.train()
        began, total = time.perf_counter(), 0
        for chosen in torch.randperm(len(pictures)).split(batch):
            step_began = time.perf_counter()
            loss = F.cross_entropy(model(flip_crop(pictures[chosen])), labels[chosen], label_smoothing=recipe.get('label-smoothing', 0))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe['clip'] or math.inf)
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
        print(f'epoch {epoch + 1}/{epochs}: loss {total / len(pictures):.4f}, test accuracy {100 * right / len(test_labels):.1f} %, {seconds:.0f} s', flush=True)


if __name__ == '__main__':
    main()
