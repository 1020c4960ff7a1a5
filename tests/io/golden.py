"""
Writes golden.safetensors and golden.json, what numpy and PyTorch make of every element type:  /usr/bin/python3 tests/io/golden.py

golden.safetensors is written by the format's description alone. golden.json holds, for each tensor, its shape and its numbers as
torch.Tensor.float() rounds them, as the bits of each float32; NaN is null. `halves` is the SHA-1 of the float32 bytes of all 65,536
numbers of 16 bits, NaN as 0, in both formats. written.safetensors is what Python writes for the tensors that safetensors.test.ts saves.
"""
import hashlib
import json
import pathlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
WIDTHS = {'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'I32': 4, 'I16': 2, 'I8': 1, 'U64': 8, 'U32': 4, 'U16': 2, 'U8': 1, 'BOOL': 1}


def write(path, tensors, metadata=None):
    """tensors: (name, dtype, shape, bytes). Bytes lie by descending width, the header keeps the order, its end is padded to 8 bytes."""
    offsets, end = {}, 0
    for name, dtype, _, data in sorted(tensors, key=lambda t: -WIDTHS[t[1]]):
        offsets[name] = [end, end + len(data)]
        end += len(data)
    header = {'__metadata__': metadata} if metadata else {}
    for name, dtype, shape, _ in tensors:
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': offsets[name]}
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text)
        for _, _, _, data in sorted(tensors, key=lambda t: -WIDTHS[t[1]]):
            file.write(data)


def bits(values):
    """float32 as the whole numbers that their bits are; NaN is null."""
    values = np.asarray(values, dtype='<f4').ravel()
    return [None if np.isnan(v) else int(b) for v, b in zip(values, values.view('<u4'))]


def main():
    floats = [0.0, -0.0, 1.0, -1.5, 0.1, 3.1415926535, 65504.0, 1e-7, 6e-8, 1e-45, 3e38, 1 / 3, float('inf'), float('-inf'), float('nan')]
    whole = {'I8': [-128, -1, 0, 127], 'U8': [0, 1, 254, 255], 'I16': [-32768, 32767], 'U16': [0, 65535], 'I32': [-2**31, 2**24 + 1, 2**31 - 1],
             'U32': [0, 2**32 - 1, 2**24 + 3], 'I64': [-2**63, 2**53 + 1, 2**62 + 2**38 + 1, 2**63 - 1], 'U64': [0, 2**64 - 1, 2**63 + 2**39]}
    numpy_names = {'I8': 'i1', 'U8': 'u1', 'I16': '<i2', 'U16': '<u2', 'I32': '<i4', 'U32': '<u4', 'I64': '<i8', 'U64': '<u8'}
    tensors, expected = [], {}

    def add(name, dtype, array, data, as_float):
        tensors.append((name, dtype, list(array.shape), data))
        expected[name] = {'shape': list(array.shape), 'bits': bits(as_float)}

    for dtype, torch_type in {'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}.items():
        t = torch.tensor(floats, dtype=torch.float64).to(torch_type).reshape(3, 5)
        data = t.view(torch.int16).numpy().tobytes() if dtype == 'BF16' else t.numpy().tobytes()
        add(f'a {dtype}', dtype, t, data, t.float().numpy())
    for dtype, values in whole.items():
        array = np.array(values, dtype=numpy_names[dtype])
        add(dtype, dtype, array, array.tobytes(), array.astype(np.float32))
    mask = np.array([[True, False], [False, True]])
    add('BOOL', 'BOOL', mask, mask.tobytes(), mask.astype(np.float32))
    add('scalar', 'F32', np.float32(7), np.float32(7).tobytes(), [7])
    add('empty', 'F32', np.zeros((2, 0, 3), np.float32), b'', [])
    for name in ['0.weight', '__proto__', 'constructor', 'a "quoted\\ name"\n', 'größe/重み']:
        add(name, 'F32', np.ones(1, np.float32), np.ones(1, np.float32).tobytes(), [1])
    write(HERE / 'golden.safetensors', tensors, {'format': 'pt', 'note': 'ä "b"\n', '__proto__': 'text'})

    every = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16)
    halves = {name: every.view(kind).float() for name, kind in {'F16': torch.float16, 'BF16': torch.bfloat16}.items()}
    digest = lambda t: hashlib.sha1(torch.where(t.isnan(), torch.zeros(()), t).numpy().tobytes()).hexdigest()
    (HERE / 'golden.json').write_text(json.dumps({'tensors': expected, 'halves': {name: digest(t) for name, t in halves.items()}}, separators=(',', ':')) + '\n')

    f32 = lambda values: np.array(values, '<f4').tobytes()
    write(HERE / 'written.safetensors', [
        ('mask', 'BOOL', [3], bytes([1, 0, 1])),
        ('0.weight', 'F32', [2, 3], f32([0, -0.0, 1.5, np.inf, -np.inf, 1e-45])),
        ('label', 'I64', [2], np.array([-7, 2**40], '<i8').tobytes()),
        ('__proto__', 'F32', [], f32(0.1)),
        ('größe "q"', 'F32', [3, 2], f32([0, 1, 2, 3, 4, 5])),
        ('nothing', 'F32', [0, 4], b''),
    ], {'epoch': '3', 'note': 'ä\n'})
    print(f'torch {torch.__version__}', {path.name: path.stat().st_size for path in sorted(HERE.glob('*.safetensors'))})


main()
