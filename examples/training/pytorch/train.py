"""
Goes on with a model from vitgrad in PyTorch, on any number of processes and machines:

    torchrun --nproc_per_node 2 train.py --data data/cifar10 --epochs 3

On one machine `python3 train.py --processes 2` does the same. (The torchrun of PyTorch 1.13 fails by itself under Python 3.11, unless
it is given `--redirects 9:1 --tee 9:1`, which change nothing.)

It needs PyTorch, NumPy and the files that it came with: model.safetensors, whose weights it starts from, and the model's own program.
The loss that is printed first is that of the pictures in sample.safetensors, which vitgrad has computed, too; training uses them where
no --data are given. After each epoch the weights are in trained.safetensors, which vitgrad reads.
"""
import argparse
import importlib
import json
import os
import pathlib
import socket
import subprocess
import sys

try:
    import numpy as np
    import torch
    from torch import distributed
    from torch.nn import functional as F
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import DataLoader, TensorDataset
    from torch.utils.data.distributed import DistributedSampler
except ModuleNotFoundError as error:
    sys.exit(f'{sys.executable} has no {error.name}: install what is missing (python3 -m pip install torch numpy), or use a Python that has both')

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


def load_model(path):
    """The model of a file, the file's metadata, and how its pictures are normalized."""
    weights, metadata = read_safetensors(path)
    if 'pytorch' not in metadata:
        sys.exit(f'{path} does not say how its model is built in PyTorch: give a file that `npm run export` or this program has written')
    about = json.loads(metadata['pytorch'])
    model = getattr(importlib.import_module(about['module']), about['class'])(**about['options'])
    model.load_state_dict(weights)
    return model, metadata, about['normalization']


# ---- data


def cifar10_files(folder):
    return sorted(pathlib.Path(folder).glob('data_batch_*.bin'))


def load_data(path, normalization):
    """Pictures and labels: those of a safetensors file, ready for the model, or the training pictures of a folder with CIFAR-10's binary files."""
    if not os.path.isdir(path):
        tensors, _ = read_safetensors(path)
        return tensors['pictures'], tensors['labels'].long()
    files = cifar10_files(path)
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
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
    return int(any([process.wait() for process in processes]))


# What mean_over_processes sends. It outlives the process group: a tensor whose last owner is gloo's thread needs Python's lock to go, and
# a process that ends meanwhile holds the lock and waits for the thread, for ever.
SUMS = torch.zeros(2, dtype=torch.float64)


def mean_over_processes(total, count):
    SUMS[0], SUMS[1] = total, count
    distributed.all_reduce(SUMS)
    return (SUMS[0] / SUMS[1]).item()


def start_loss(model, pictures, labels):
    """The loss of the given pictures, of which each process takes its share."""
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    model.eval()
    with torch.no_grad():
        loss = F.cross_entropy(model(pictures[rank::processes]), labels[rank::processes], reduction='sum')
    return mean_over_processes(loss.item(), len(labels[rank::processes]))


def at_least_one(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'{text}: give a whole number of at least 1')
    return int(text)


def check_files(model, data, out):
    """Ends the program where a file is missing or cannot be written, before any work is done."""
    for flag, path in [('--model', model), ('--data', data)]:
        if not os.path.exists(path):
            sys.exit(f'{flag} {path}: there is no such file')
    if os.path.isdir(data) and not cifar10_files(data):
        sys.exit(f"--data {data} holds none of CIFAR-10's data_batch_*.bin: give the folder that `npm run data:cifar10` has filled, or a safetensors file")
    folder = pathlib.Path(out).resolve().parent
    if os.path.isdir(out) or not os.access(folder, os.W_OK):
        sys.exit(f'--out {out} cannot be written: give a file in a folder that is there and where you may write')


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default=here / 'model.safetensors', help='weights to start from')
    parser.add_argument('--data', default=here / 'sample.safetensors', help='a folder with CIFAR-10, or a safetensors file with pictures and labels')
    parser.add_argument('--out', default=here / 'trained.safetensors', help='where the weights go')
    parser.add_argument('--epochs', type=at_least_one, default=1)
    parser.add_argument('--batch', type=at_least_one, default=64, help='pictures a step, in each process')
    parser.add_argument('--lr', type=float, default=1e-4)
    parser.add_argument('--weight-decay', type=float, default=0.05)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--processes', type=at_least_one, default=1, help='how many to start where torchrun has started none')
    options = parser.parse_args()
    check_files(options.model, options.data, options.out)
    if 'RANK' not in os.environ:
        sys.exit(start_processes(options.processes))

    distributed.init_process_group('gloo')
    is_first, processes = distributed.get_rank() == 0, distributed.get_world_size()
    say = print if is_first else lambda *_, **__: None
    torch.manual_seed(options.seed + distributed.get_rank())
    model, metadata, normalization = load_model(options.model)

    sample, about_sample = read_safetensors(here / 'sample.safetensors')
    loss = start_loss(model, sample['pictures'], sample['labels'].long())
    say(f'{processes} process{"es" if processes > 1 else ""}, loss of the sample {loss:.6f}, in vitgrad {float(about_sample["loss"]):.6f}', flush=True)

    pictures, labels = load_data(options.data, normalization)
    if pictures.shape[1:] != sample['pictures'].shape[1:]:
        sizes = (' x '.join(map(str, some.shape[1:])) for some in (pictures, sample['pictures']))
        sys.exit('{} has pictures of {}, the model takes {}: give the data that it has learnt from'.format(options.data, *sizes))
    data = TensorDataset(pictures, labels)
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
