/** How weights follow gradients: the optimizer and the course of its learning rate. */
import { optim, type nn } from 'vitgrad'
import type { Settings } from './settings.ts'

export type Schedule = optim.lrScheduler.LRScheduler | optim.lrScheduler.SequentialLR

export function chooseOptimizer(model: nn.Module, { optimizer, lr, momentum, weightDecay }: Settings): optim.SGD | optim.AdamW {
  if (optimizer === 'sgd') return new optim.SGD(model.parameters(), { lr, momentum, weightDecay })
  return new optim.AdamW(model.parameters(), { lr, weightDecay })
}

/** A schedule that is stepped after every batch. */
export function chooseSchedule(optimizer: optim.SGD | optim.AdamW, { schedule, warmup, epochs, lr, optimizer: kind, momentum }: Settings, stepsPerEpoch: number): Schedule {
  const { OneCycleLR, LinearLR, CosineAnnealingLR, ConstantLR, SequentialLR } = optim.lrScheduler
  const totalSteps = epochs * stepsPerEpoch
  if (schedule === 'onecycle') {
    const rises = warmup * stepsPerEpoch > 1 // else the first step has the highest rate
    return new OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: rises ? warmup / epochs : 0, cycleMomentum: kind === 'adamw' || momentum > 0 })
  }
  const rising = Math.min(Math.round(warmup * stepsPerEpoch), totalSteps - 1)
  const rise = rising > 0 ? [new LinearLR(optimizer, { startFactor: 1 / (rising + 1), totalIters: rising })] : []
  const rest = schedule === 'cosine' ? new CosineAnnealingLR(optimizer, { tMax: totalSteps - rising }) : new ConstantLR(optimizer, { factor: 1, totalIters: 1 })
  return rise.length > 0 ? new SequentialLR(optimizer, { schedulers: [...rise, rest], milestones: [rising] }) : rest
}
