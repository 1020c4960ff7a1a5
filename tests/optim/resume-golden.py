"""
Writes resume.golden.json, a training in PyTorch 1.13 that is taken up in its middle:  /usr/bin/python3 tests/optim/resume-golden.py

Before step 5 of 10 the state dicts of model, optimizer and schedule are loaded into new ones. Each row: loss, learning rate, and the momentum
or the first beta where there is one.
"""
import copy
import json
import pathlib

import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler as s

OPTIMIZERS = {
    'SGD': lambda p: torch.optim.SGD(p, lr=0.1),
    'SGD with momentum and decay': lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    'SGD with dampening': lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    'SGD with Nesterov momentum': lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    'Adam': lambda p: torch.optim.Adam(p, lr=0.02),
    'Adam with the largest mean': lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True, weight_decay=0.05),
    'AdamW': lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    'RMSprop': lambda p: torch.optim.RMSprop(p, lr=0.01),
    'RMSprop, centered, with momentum': lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.9, centered=True, weight_decay=0.01),
}
SCHEDULES = {
    'none': lambda o: None,
    'StepLR': lambda o: s.StepLR(o, 3, gamma=0.5),
    'MultiStepLR': lambda o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    'ConstantLR': lambda o: s.ConstantLR(o, factor=0.5, total_iters=7),
    'LinearLR': lambda o: s.LinearLR(o, start_factor=0.2, total_iters=8),
    'ExponentialLR': lambda o: s.ExponentialLR(o, 0.9),
    'CosineAnnealingLR': lambda o: s.CosineAnnealingLR(o, 6, eta_min=0.001),
    'LambdaLR': lambda o: s.LambdaLR(o, lambda epoch: 0.95 ** epoch),
    'SequentialLR': lambda o: s.SequentialLR(o, [s.LinearLR(o, start_factor=0.1, total_iters=3), s.CosineAnnealingLR(o, 7)], milestones=[3]),
    'SequentialLR, next after resuming': lambda o: s.SequentialLR(o, [s.ConstantLR(o, factor=0.1, total_iters=2), s.ExponentialLR(o, 0.9), s.StepLR(o, 2, gamma=0.5)], milestones=[2, 6]),
    'OneCycleLR': lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=12),
    'OneCycleLR in three phases': lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=12, three_phase=True, anneal_strategy='linear'),
}
CASES = [(optimizer, 'none') for optimizer in OPTIMIZERS] + [('AdamW', schedule) for schedule in SCHEDULES if schedule != 'none'] + [('SGD with momentum and decay', 'OneCycleLR')]


def start(optimizer, schedule):
    torch.manual_seed(11)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    rule = OPTIMIZERS[optimizer](model.parameters())
    return [model, rule, SCHEDULES[schedule](rule)]


def training(optimizer, schedule):
    torch.manual_seed(99)
    inputs, labels = torch.randn(10, 8, 4), torch.randint(0, 3, (10, 8))
    parts, rows = start(optimizer, schedule), []
    for step in range(10):
        if step == 5:
            states = copy.deepcopy([part and part.state_dict() for part in parts])
            parts = start(optimizer, schedule)
            for part, state in zip(parts, states):
                if part:
                    part.load_state_dict(state)
        model, rule, scheduler = parts
        rule.zero_grad()
        loss = F.cross_entropy(model(inputs[step]), labels[step])
        loss.backward()
        rule.step()
        group = rule.param_groups[0]
        rows.append([round(loss.item(), 7), group['lr'], group['momentum'] if 'momentum' in group else group['betas'][0]])
        if scheduler:
            scheduler.step()
    return rows


golden = [{'optimizer': optimizer, 'schedule': schedule, 'rows': training(optimizer, schedule)} for optimizer, schedule in CASES]
text = '[\n' + ',\n'.join(json.dumps(case) for case in golden) + '\n]\n'
pathlib.Path(__file__).with_name('resume.golden.json').write_text(text)
