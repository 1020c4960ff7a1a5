"""
Goes on with a Vision Transformer from vitgrad in PyTorch, on any number of processes and machines:

    torchrun --nproc_per_node 2 MODEL.py --data data/cifar10 --epochs 3

On one machine `python3 MODEL.py --processes 2` does the same. (The torchrun of PyTorch 1.13 fails by itself under Python 3.11, unless
it is given `--redirects 9:1 --tee 9:1`, which change nothing.)

It needs PyTorch alone. The weights are read from MODEL.safetensors beside this file, and at the end written to
MODEL-trained.safetensors, which vitgrad and timm can read: parameters have timm's names. The loss that is printed first is that of the
pictures in MODEL-sample.safetensors, which vitgrad has computed, too. Training uses them where no --data are given.
"""
import argparse
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

# ---- safetensors: the length of a header in 8 bytes, the header in JSON, the numbers

DTYPES = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'I64': '<i8', 'I32': '<i4', 'I16': '<i2', 'I8': 'i1', 'U8': 'u1', 'BOOL': '?'}


def read_safetensors(path):
    """The tensors of a file by name, and its metadata."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    metadata = header.pop('__metadata__', {})

    def tensor(entry):
        begin, end = entry['data_offsets']
        numbers = np.frombuffer(data[start + begin:start + end], DTYPES[entry['dtype']])
        return torch.from_numpy(numbers.reshape(entry['shape']).copy())

    return {name: tensor(entry) for name, entry in header.items()}, metadata


def write_safetensors(path, tensors, metadata):
    """Writes float32 tensors. The file is replaced as a whole."""
    header, end = {'__metadata__': metadata}, 0
    arrays = {name: tensor.detach().contiguous().numpy().astype('<f4') for name, tensor in tensors.items()}
    for name, array in arrays.items():
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    temporary = pathlib.Path(f'{path}.tmp')
    with open(temporary, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text)
        for array in arrays.values():
            file.write(array.tobytes())
    os.replace(temporary, path)


# ---- the model


class DropPath(nn.Module):
    """In training, skips whole samples with probability p."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        keep = x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * keep.div_(1 - self.p)


class PatchEmbed(nn.Module):
    def __init__(self, channels, patch_size, dim):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, dim, heads, dropout, bias):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.attn_drop = nn.Dropout(dropout)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q * (dim // self.heads) ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
        mixed = self.attn_drop(weights) @ v
        return self.proj_drop(self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim)))


class Mlp(nn.Module):
    def __init__(self, dim, hidden, dropout):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden, dropout, bias, drop_path):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout, bias)
        self.drop_path1 = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, hidden, dropout)
        self.drop_path2 = DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class VisionTransformer(nn.Module):
    """vitgrad's VisionTransformer, which is timm's: the same names of parameters, the same numbers."""

    def __init__(self, image_size, patch_size, classes, dim, depth, heads, mlp_ratio=4, dropout=0.0, drop_path=0.0, qkv_bias=True, global_pool='token', channels=3):
        super().__init__()
        averaged = global_pool == 'avg'
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // patch_size) ** 2 + 1, dim))
        self.patch_embed = PatchEmbed(channels, patch_size, dim)
        self.pos_drop = nn.Dropout(dropout)
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.Sequential(*(Block(dim, heads, int(dim * mlp_ratio), dropout, qkv_bias, rate) for rate in rates))
        self.norm = nn.Identity() if averaged else nn.LayerNorm(dim, eps=1e-6)
        self.fc_norm = nn.LayerNorm(dim, eps=1e-6) if averaged else nn.Identity()
        self.head = nn.Linear(dim, classes)
        self.global_pool = global_pool

    def forward(self, x):
        patches = self.patch_embed(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1) + self.pos_embed
        described = self.norm(self.blocks(self.pos_drop(tokens)))
        pooled = described[:, 1:].mean(dim=1) if self.global_pool == 'avg' else described[:, 0]
        return self.head(self.fc_norm(pooled))


def load_model(path):
    """The model of a file, the file's metadata, and how its pictures are normalized."""
    weights, metadata = read_safetensors(path)
    about = json.loads(metadata['pytorch'])
    model = VisionTransformer(**{re.sub('[A-Z]', lambda letter: '_' + letter[0].lower(), name): value for name, value in about['options'].items()})
    model.load_state_dict(weights)
    return model, metadata, about['normalization']


# ---- data


def load_data(path, normalization):
    """Pictures and labels: those of a safetensors file, ready for the model, or the training pictures of a folder with CIFAR-10's binary files."""
    if not os.path.isdir(path):
        tensors, _ = read_safetensors(path)
        return tensors['pictures'], tensors['labels'].long()
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in sorted(pathlib.Path(path).glob('data_batch_*.bin'))])
    pictures = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    mean, std = (torch.tensor(normalization[name]).reshape(-1, 1, 1) for name in ('mean', 'std'))
    return (pictures - mean) / std, torch.from_numpy(records[:, 0].astype(np.int64))


# ---- training


def start_processes(count):
    """Runs this program in so many processes, as torchrun does on one machine. Returns their exit status."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = {'OMP_NUM_THREADS': str(max(1, os.cpu_count() // count)), **os.environ, 'WORLD_SIZE': str(count), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    processes = [subprocess.Popen([sys.executable, *sys.argv], env={**shared, 'RANK': str(rank)}) for rank in range(count)]
    return max(process.wait() for process in processes)


def mean_over_processes(total, count):
    both = torch.tensor([total, count], dtype=torch.float64)
    distributed.all_reduce(both)
    return (both[0] / both[1]).item()


def start_loss(model, pictures, labels):
    """The loss of the given pictures, of which each process takes its share."""
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    model.eval()
    with torch.no_grad():
        loss = F.cross_entropy(model(pictures[rank::processes]), labels[rank::processes], reduction='sum')
    return mean_over_processes(loss.item(), len(labels[rank::processes]))


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default=here.with_suffix('.safetensors'), help='weights to start from')
    parser.add_argument('--data', default=here.with_name(f'{here.stem}-sample.safetensors'), help='a folder with CIFAR-10, or a safetensors file with pictures and labels')
    parser.add_argument('--out', default=here.with_name(f'{here.stem}-trained.safetensors'), help='where the weights go')
    parser.add_argument('--epochs', type=int, default=1)
    parser.add_argument('--batch', type=int, default=64, help='pictures a step, in each process')
    parser.add_argument('--lr', type=float, default=1e-4)
    parser.add_argument('--weight-decay', type=float, default=0.05)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--processes', type=int, default=1, help='how many to start where torchrun has started none')
    options = parser.parse_args()
    if 'RANK' not in os.environ:
        sys.exit(start_processes(options.processes))

    distributed.init_process_group('gloo')
    is_first = distributed.get_rank() == 0
    say = print if is_first else lambda *_, **__: None
    torch.manual_seed(options.seed + distributed.get_rank())
    model, metadata, normalization = load_model(options.model)

    sample, about_sample = read_safetensors(here.with_name(f'{here.stem}-sample.safetensors'))
    loss = start_loss(model, sample['pictures'], sample['labels'].long())
    say(f'{distributed.get_world_size()} processes, loss of the sample {loss:.6f}, in vitgrad {float(about_sample["loss"]):.6f}', flush=True)

    data = TensorDataset(*load_data(options.data, normalization))
    sampler = DistributedSampler(data, seed=options.seed)
    loader = DataLoader(data, batch_size=options.batch, sampler=sampler)
    shared = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(shared.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    for epoch in range(options.epochs):
        sampler.set_epoch(epoch)
        shared.train()
        total = count = 0
        for pictures, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(shared(pictures), labels)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(labels), count + len(labels)
        mean = mean_over_processes(total, count)
        say(f'epoch {epoch + 1}/{options.epochs}: loss {mean:.4f}', flush=True)
    if is_first:
        write_safetensors(options.out, model.state_dict(), metadata)
        say(f'weights in {options.out}')
    distributed.destroy_process_group()


if __name__ == '__main__':
    main()
