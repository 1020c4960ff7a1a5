/** What `optim` offers. */
export { Adam, AdamW, type AdamOptions } from './adam.ts'
export * as lrScheduler from './lr-scheduler.ts'
export { Optimizer, type OptimizerState, type ParamGroup, type Params } from './optimizer.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export { SGD, type SGDOptions } from './sgd.ts'
export * as swaUtils from './swa-utils.ts'
