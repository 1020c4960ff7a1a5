"""Writes transforms.golden.json, what torchvision 0.14 makes of a picture:  /usr/bin/python3 tests/data/transforms-golden.py  (torch 1.13, Pillow 9.4)."""
import hashlib
import json
import os

import torch
from PIL import Image
from torchvision.transforms import *

SEEDS = range(6)
PIXEL = torch.arange(3 * 12 * 15)
BYTES = ((7 * PIXEL * PIXEL + 13 * PIXEL) % 256).to(torch.uint8).view(3, 12, 15)
PICTURE = BYTES.float() / 255
BILINEAR = InterpolationMode.BILINEAR
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]

# Transforms of floats; the same names stand in transforms.test.ts. Where only pixels move, the result is exact, and its SHA-256 is kept.
EXACT = {
    'crop': RandomCrop(8), 'padded crop': RandomCrop(12, padding=4), 'uneven crop': RandomCrop((12, 15), padding=[1, 2, 3, 4], fill=0.5),
    'edge crop': RandomCrop(10, padding=(3, 2), padding_mode='edge'), 'reflect crop': RandomCrop(10, padding=4, padding_mode='reflect'),
    'symmetric crop': RandomCrop(10, padding=4, padding_mode='symmetric'), 'needed crop': RandomCrop((14, 17), pad_if_needed=True),
    'whole crop': RandomCrop((12, 15)), 'horizontal flip': RandomHorizontalFlip(), 'vertical flip': RandomVerticalFlip(0.3),
    'centre crop': CenterCrop((7, 8)), 'larger centre crop': CenterCrop((15, 10)), 'pad': Pad((1, 2, 3, 4), fill=0.25), 'negative pad': Pad((-1, 2)),
    'normalize': Normalize(MEAN, STD), 'erasing': RandomErasing(), 'coloured erasing': RandomErasing(p=1, scale=(0.1, 0.4), ratio=(0.5, 2), value=(0.1, 0.2, 0.3)),
    'random erasing': RandomErasing(p=1, value='random'), 'hardly possible erasing': RandomErasing(p=1, scale=(0.9, 1)),
    'cifar': Compose([RandomCrop(12, padding=4), RandomHorizontalFlip(), Normalize(MEAN, STD)]), 'nearest resize': Resize((7, 20), InterpolationMode.NEAREST),
    'random grayscale': RandomGrayscale(0.5), 'rotation': RandomRotation(30), 'expanding rotation': RandomRotation((20, 70), expand=True, fill=0.5),
    'centred rotation': RandomRotation(45, center=(2, 3)), 'affine': RandomAffine(20, translate=(0.2, 0.1), scale=(0.8, 1.2), shear=10),
    'sheared affine': RandomAffine((0, 10), shear=(-5, 5, -15, 15), fill=(0.1, 0.2, 0.3)),
}
CLOSE = {
    'resize': Resize(9, antialias=True), 'enlarge': Resize((20, 31), antialias=True), 'aliased resize': Resize((5, 7), antialias=False), 'limited resize': Resize(10, max_size=11, antialias=True),
    'resized crop': RandomResizedCrop(8, antialias=True), 'wide resized crop': RandomResizedCrop((8, 9), scale=(0.8, 2), ratio=(2, 3), antialias=True),
    'jitter': ColorJitter(0.4, 0.3, 0.5, 0.2), 'brightness': ColorJitter(brightness=(0.5, 1.5)), 'hue': ColorJitter(hue=0.5), 'grayscale': Grayscale(3),
    'bilinear rotation': RandomRotation(30, BILINEAR), 'bilinear affine': RandomAffine(30, (0.1, 0.3), (0.5, 1.5), 20, interpolation=BILINEAR, fill=0.3),
}
# Transforms of bytes, exact too.
AUGMENTATIONS = {
    'rand augment': RandAugment(), 'strong rand augment': RandAugment(num_ops=3, magnitude=28), 'filled rand augment': RandAugment(5, fill=[25.5, 51, 76.5]),
    'bilinear rand augment': RandAugment(4, 20, interpolation=BILINEAR), 'trivial augment': TrivialAugmentWide(),
}
# Widths and heights to which Pillow resizes bytes.
RESIZES = [(7, 5), (31, 40), (15, 4), (6, 12), (1, 1)]


def digest(tensor): return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()[:16]


def runs(transform, picture, keep, seeds=SEEDS):
    """For each seed: the size, the result, and a number drawn afterwards."""
    results = []
    for seed in seeds:
        torch.manual_seed(seed)
        out = transform(picture)
        results.append([list(out.shape), keep(out), torch.rand(1).item()])
    return results


def pillow(size):
    image = Image.fromarray(BYTES.permute(1, 2, 0).contiguous().numpy())
    return digest(torch.frombuffer(bytearray(image.resize(size, Image.BILINEAR).tobytes()), dtype=torch.uint8).view(size[1], size[0], 3).permute(2, 0, 1))


def shares(alpha):
    torch.manual_seed(3)
    return [torch.distributions.Beta(torch.tensor([alpha]), torch.tensor([alpha])).sample(()).item() for _ in range(40)] + [torch.rand(1).item()]


def mixed(kind, seed):
    """torchvision 0.16's v2.MixUp and v2.CutMix, which 0.14 does not have yet, on a batch of three pictures."""
    torch.manual_seed(seed)
    images, labels = torch.stack([PICTURE, PICTURE.flip(2), 1 - PICTURE]), torch.nn.functional.one_hot(torch.tensor([2, 0, 1]), 4).float()
    share = torch.distributions.Beta(torch.tensor([0.8]), torch.tensor([0.8])).sample(()).item()
    if kind == 'MixUp': out = images.roll(1, 0).mul(1 - share).add(images.mul(share))
    else:
        height, width = images.shape[-2:]
        x, y = torch.randint(width, (1,)), torch.randint(height, (1,))
        half = 0.5 * (1 - share) ** 0.5
        left, right = int((x - int(half * width)).clamp(min=0)), int((x + int(half * width)).clamp(max=width))
        top, bottom = int((y - int(half * height)).clamp(min=0)), int((y + int(half * height)).clamp(max=height))
        out = images.clone()
        out[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (height * width)
    soft = labels.roll(1, 0).mul(1 - share).add(labels.mul(share))
    return [digest(out), soft.flatten().tolist(), torch.rand(1).item()]


golden = {
    'exact': {name: runs(transform, PICTURE, digest) for name, transform in EXACT.items()},
    'close': {name: runs(transform, PICTURE, lambda out: [round(value, 6) for value in out.flatten()[::7].tolist()], range(2)) for name, transform in CLOSE.items()},
    'augmentations': {name: runs(transform, BYTES, digest, range(40)) for name, transform in AUGMENTATIONS.items()},
    'pillow': [[list(size), pillow(size)] for size in RESIZES],
    'mixed': {kind: [mixed(kind, seed) for seed in SEEDS] for kind in ('MixUp', 'CutMix')},
    'beta': {str(alpha): shares(alpha) for alpha in (0.2, 1.0, 3.5)},
}
lines = ['"%s": {\n%s\n}' % (key, ',\n'.join(f'{json.dumps(name)}: {json.dumps(value)}' for name, value in part.items())) if isinstance(part, dict) else f'"{key}": {json.dumps(part)}' for key, part in golden.items()]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'transforms.golden.json'), 'w') as file: file.write('{\n%s\n}\n' % ',\n'.join(lines))
