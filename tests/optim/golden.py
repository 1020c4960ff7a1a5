"""
Writes golden.json, what PyTorch 1.13 says of schedules:  /usr/bin/python3 tests/optim/golden.py

Each case is the learning rates of the groups (and the momentum of the first) after construction and after each step, from an
optimizer of two groups with rates 0.1 and 0.02. In case 'changed from outside' the first rate is set to 0.5 before step 3.
"""
import json
import pathlib

import torch
from torch.optim import lr_scheduler as s

SCHEDULES = {
    'StepLR': lambda o: s.StepLR(o, 2, gamma=0.5),
    'MultiStepLR': lambda o: s.MultiStepLR(o, [1, 3, 3, 6]),
    'ConstantLR': lambda o: s.ConstantLR(o, factor=0.25, total_iters=3),
    'LinearLR': lambda o: s.LinearLR(o, start_factor=0.5, end_factor=0.1, total_iters=4),
    'ExponentialLR': lambda o: s.ExponentialLR(o, 0.8),
    'CosineAnnealingLR': lambda o: s.CosineAnnealingLR(o, 3, eta_min=0.01),
    'LambdaLR': lambda o: s.LambdaLR(o, lambda epoch: 0.95 ** epoch),
    'LambdaLR of two': lambda o: s.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch]),
    'OneCycleLR': lambda o: s.OneCycleLR(o, max_lr=[0.3, 0.6], total_steps=8, base_momentum=[0.7, 0.8]),
    'OneCycleLR in three phases': lambda o: s.OneCycleLR(o, 0.3, epochs=2, steps_per_epoch=4, three_phase=True, anneal_strategy='linear', cycle_momentum=False),
    'warm-up, then cosine': lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=3), s.CosineAnnealingLR(o, 5)], [3]),
    'three in sequence': lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.5, total_iters=9), s.ExponentialLR(o, 0.5), s.StepLR(o, 1)], [2, 5]),
    'sequence with a lambda': lambda o: s.SequentialLR(o, [s.ExponentialLR(o, 0.5), s.LambdaLR(o, lambda epoch: 1 / (1 + epoch))], [4]),
    'two at once': lambda o: Both(s.ExponentialLR(o, 0.9), s.StepLR(o, 3)),
    'changed from outside': lambda o: s.CosineAnnealingLR(o, 4),
}
STEPS = 8


class Both:
    def __init__(self, *schedulers):
        self.schedulers = schedulers

    def step(self):
        for scheduler in self.schedulers:
            scheduler.step()


def main():
    golden = {}
    for name, make in SCHEDULES.items():
        parameters = [torch.zeros(1, requires_grad=True) for _ in range(2)]
        optimizer = torch.optim.SGD([{'params': parameters[:1]}, {'params': parameters[1:], 'lr': 0.02}], lr=0.1, momentum=0.9)
        scheduler = make(optimizer)
        rows = []
        for step in range(STEPS + 1):
            if step > 0:
                if name == 'changed from outside' and step == 3:
                    optimizer.param_groups[0]['lr'] = 0.5
                optimizer.step()
                scheduler.step()
            first, second = optimizer.param_groups
            rows.append([first['lr'], second['lr'], first['momentum']])
        golden[name] = rows
    path = pathlib.Path(__file__).with_name('golden.json')
    path.write_text('{\n' + ',\n'.join(f'{json.dumps(name)}: {json.dumps(rows, separators=(",", ":"))}' for name, rows in golden.items()) + '\n}\n')
    print(f'torch {torch.__version__}, {path.stat().st_size} bytes')


main()
