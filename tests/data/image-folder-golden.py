"""Writes image-folder.golden.json, how torchvision 0.14 orders and Pillow 9.4 resizes:  /usr/bin/python3 tests/data/image-folder-golden.py"""
import hashlib
import json
import os
import tempfile

import numpy
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Resize

FILES = ['b/1.png', 'b/10.png', 'b/2.PNG', 'b/sub/0.png', 'b/deep/er/1.jpeg', 'b-c/1.jpg', 'B/1.bmp', 'a10/x.png', 'a9/x.png', 'a9/notes.txt', 'a9/.hidden.png']
SIZES = [(31, 20, 12), (20, 31, 12), (9, 7, 16), (64, 64, 64), (100, 40, 33)]


def order():
    with tempfile.TemporaryDirectory() as root:
        for name in FILES:
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            Image.new('RGB', (1, 1)).save(os.path.join(root, name), 'PNG') if not name.endswith('txt') else open(os.path.join(root, name), 'w').close()
        folder = ImageFolder(root)
        return {'classes': folder.classes, 'samples': [[os.path.relpath(path, root), label] for path, label in folder.samples]}


def square(width, height, size):
    index = numpy.arange(width * height * 3, dtype=numpy.int64)
    image = Image.fromarray(((7 * index * index + 13 * index) % 256).astype(numpy.uint8).reshape(height, width, 3))
    pixels = numpy.asarray(Compose([Resize(size), CenterCrop(size)])(image)).transpose(2, 0, 1)
    return [[width, height, size], hashlib.sha256(numpy.ascontiguousarray(pixels).tobytes()).hexdigest()]


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'image-folder.golden.json'), 'w') as file:
    json.dump({'files': FILES, 'order': order(), 'squares': [square(*sizes) for sizes in SIZES]}, file, indent=1)
    file.write('\n')
