/**
 * Schedules of learning rates: what `optim.lrScheduler` offers.
 *
 * As in torch.optim.lr_scheduler, most derive the next rate from the one in force, so that they can be combined and a rate
 * that was changed from outside is respected. What PyTorch requires may be given in its place or by its name:
 * StepLR(optimizer, 30) or StepLR(optimizer, { stepSize: 30 }).
 */
export { ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR } from './schedules/factors.ts'
export { OneCycleLR, type OneCycleArguments } from './schedules/one-cycle.ts'
export { LRScheduler, type Scheduled, type SchedulerState } from './schedules/schedule.ts'
export { SequentialLR } from './schedules/sequential.ts'
