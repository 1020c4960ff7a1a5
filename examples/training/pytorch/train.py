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
import signal
import socket
import subprocess
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the program without a word: what the latest epoch has left is in its file

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


def refuse(message):
    """Ends the program. Of several processes the first one says why."""
    sys.exit(message if os.environ.get('RANK', '0') == '0' else 1)


# ---- safetensors: the length of a header in 8 bytes, the header in JSON, the numbers

DTYPES = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'I64': '<i8', 'I32': '<i4', 'I16': '<i2', 'I8': 'i1', 'U8': 'u1', 'BOOL': '?'}


def read_safetensors(path):
    """The tensors of a file by name, and its metadata."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], 'little')

    def tensor(entry):
        begin, end = entry['data_offsets']
        numbers = np.frombuffer(data[start + begin:start + end], DTYPES[entry['dtype']])
        return torch.from_numpy(numbers.reshape(entry['shape']).copy())

    try:
        header = json.loads(data[8:start])
        metadata = header.pop('__metadata__', {})
        return {name: tensor(entry) for name, entry in header.items()}, metadata
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        refuse(f'{path} is no whole safetensors file ({error})')


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
    try:
        with open(temporary, 'wb') as file:
            file.write(len(text).to_bytes(8, 'little') + text)
            for array in arrays.values():
                file.write(array.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        refuse(f'{path} cannot be written ({error.strerror}): make room, or give another --out; what it held before is untouched')


# ---- the model


def load_model(path, exported):
    """The model of a file, which must be built as the exported one is; the file's metadata, and what they say of the model."""
    weights, metadata = read_safetensors(path)
    if 'pytorch' not in metadata:
        refuse(f'{path} does not say how its model is built in PyTorch: give a file that `npm run export` or this program has written')
    if metadata['pytorch'] != read_safetensors(exported)[1].get('pytorch'):
        refuse(f'{path} is another kind of model than {exported}: go on with it by the train.py that was exported with it')
    about = json.loads(metadata['pytorch'])
    model = getattr(importlib.import_module(about['module']), about['class'])(**about['options'])
    model.load_state_dict(weights)
    return model, metadata, about


# ---- data


def cifar10_files(folder):
    return sorted(pathlib.Path(folder).glob('data_batch_*.bin'))


def load_data(path, normalization):
    """Pictures and labels: those of a safetensors file, ready for the model, or the training pictures of a folder with CIFAR-10's binary files."""
    if not os.path.isdir(path):
        tensors, _ = read_safetensors(path)
        if not {'pictures', 'labels'} <= tensors.keys():
            refuse(f'--data {path} holds no pictures and labels: give a file that has tensors of these names')
        return tensors['pictures'], tensors['labels'].long()
    records = np.concatenate([cifar10_records(file) for file in cifar10_files(path)])
    pictures = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    mean, std = (torch.tensor(normalization[name]).reshape(-1, 1, 1) for name in ('mean', 'std'))
    return (pictures - mean) / std, torch.from_numpy(records[:, 0].astype(np.int64))


def cifar10_records(file):
    numbers = np.fromfile(file, np.uint8)
    if len(numbers) == 0 or len(numbers) % 3073 != 0:
        refuse(f'{file} is not whole: `npm run data:cifar10` fetches it anew')
    return numbers.reshape(-1, 3073)


def check_data(path, pictures, labels, sample, classes):
    """Ends the program where the model cannot take these pictures, of which `sample` are some that it can."""
    if pictures.shape[1:] != sample.shape[1:]:
        refuse('{} has pictures of {}, the model takes {}: give the data that it has learnt from'.format(path, *(' x '.join(map(str, some.shape[1:])) for some in (pictures, sample))))
    if len(labels) != len(pictures) or labels.min() < 0 or labels.max() >= classes:
        refuse(f'{path} has other labels than the {classes} classes of the model: give the data that it has learnt from')


# ---- training


def start_processes(count):
    """Runs this program in so many processes, as torchrun does on one machine. Returns their exit status."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = {'OMP_NUM_THREADS': str(max(1, os.cpu_count() // count)), **os.environ, 'WORLD_SIZE': str(count), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    processes = [subprocess.Popen([sys.executable, *sys.argv], env={**shared, 'RANK': str(rank)}) for rank in range(count)]

    def pass_on(number, _frame):
        for process in processes:
            process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    statuses = [process.wait() for process in processes]
    return next((128 - status if status < 0 else status for status in statuses if status), 0)


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


def number(text):
    if not 0 <= float(text) < float('inf'):
        raise argparse.ArgumentTypeError(f'{text}: give a number of at least 0')
    return float(text)


def check_files(model, data, out):
    """Ends the program where a file is missing or cannot be written, before any work is done."""
    for flag, path in [('--model', model), ('--data', data)]:
        if not os.path.exists(path):
            refuse(f'{flag} {path}: there is no such file')
    if os.path.isdir(data) and not cifar10_files(data):
        refuse(f"--data {data} holds none of CIFAR-10's data_batch_*.bin: give the folder that `npm run data:cifar10` has filled, or a safetensors file")
    folder = pathlib.Path(out).resolve().parent
    if (os.path.exists(out) and not os.path.isfile(out)) or not os.access(folder, os.W_OK):
        refuse(f'--out {out} cannot be written: give a file in a folder that is there and where you may write')


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default=here / 'model.safetensors', help='weights to start from')
    parser.add_argument('--data', default=here / 'sample.safetensors', help='a folder with CIFAR-10, or a safetensors file with pictures and labels')
    parser.add_argument('--out', default=here / 'trained.safetensors', help='where the weights go')
    parser.add_argument('--epochs', type=at_least_one, default=1)
    parser.add_argument('--batch', type=at_least_one, default=64, help='pictures a step, in each process')
    parser.add_argument('--lr', type=number, default=1e-4)
    parser.add_argument('--weight-decay', type=number, default=0.05)
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
    exported = here / 'model.safetensors'
    model, metadata, about = load_model(options.model, exported)

    sample, about_sample = read_safetensors(here / 'sample.safetensors')
    loss = start_loss(model, sample['pictures'], sample['labels'].long())
    in_vitgrad = f', in vitgrad {float(about_sample["loss"]):.6f}' if os.path.samefile(options.model, exported) else ''
    say(f'{processes} process{"es" if processes > 1 else ""}, loss of the sample {loss:.6f}{in_vitgrad}', flush=True)

    pictures, labels = load_data(options.data, about['normalization'])
    check_data(options.data, pictures, labels, sample['pictures'], about['options']['classes'])
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
    try:
        main()
    except RuntimeError as error:
        if 'by peer' not in str(error):
            raise
        sys.exit(1)  # another process has ended, and has said why
