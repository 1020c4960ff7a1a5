/** The calls that PyTorch refuses and vitgrad must refuse too, by the names that generate.py gives them. */
import { cat, nn, optim, randn, stack, tensor, zeros, type Tensor } from 'vitgrad'
import type { ErrorCase } from './cases.ts'
import { findModule, findScheduler, Missing } from './surface.ts'

const F = nn.functional
const labels = (...values: number[]) => tensor(values, { dtype: 'int64' })

function twice(x: Tensor) {
  const loss = x.mul(x).sum()
  loss.backward()
  loss.backward()
}

/** z = y * y keeps y for its backward; y changes before it runs. */
function changedAfterUse(x: Tensor) {
  const y = x.mul(1)
  const z = y.mul(y)
  y.mul_(2)
  z.sum().backward()
}

function pastTheEnd(t: readonly Tensor[]) {
  const OneCycleLR = findScheduler('OneCycleLR')
  const scheduler = new OneCycleLR(new optim.SGD(t, { lr: 0.1, momentum: 0.9 }), { maxLr: 0.1, totalSteps: 5 })
  for (let i = 0; i < 9; i++) scheduler.step()
}

export const calls: Readonly<Record<string, (t: readonly Tensor[]) => unknown>> = {
  add: ([x, y]) => x.add(y),
  matmul: ([x, y]) => x.matmul(y),
  matmul0d: ([x, y]) => x.matmul(y),
  'bmm-batch': ([x, y]) => x.bmm(y),
  reshape: ([x]) => x.reshape([4]),
  'reshape-two-minus-ones': ([x]) => x.reshape([-1, -1]),
  'view-noncontiguous': ([x]) => x.transpose(0, 1).view([6]),
  expand: ([x]) => x.expand([2, 4]),
  'cat-shape': (t) => cat(t, 0),
  'stack-shape': (t) => stack(t),
  'cat-empty-list': () => cat([]),
  'select-range': ([x]) => x.select(0, 2),
  'index-range': ([x]) => x.at(labels(0, 2)),
  'dim-range': ([x]) => x.sum(1),
  'permute-repeat': ([x]) => x.permute([0, 0]),
  'split-sections': ([x]) => x.split([1, 2]),
  'conv-channels': ([x, weight]) => F.conv2d(x, weight),
  'conv-kernel-too-big': ([x, weight]) => F.conv2d(x, weight),
  'conv-groups': ([x, weight]) => F.conv2d(x, weight, undefined, { groups: 3 }),
  'linear-features': ([x, weight]) => F.linear(x, weight),
  'layer_norm-shape': ([x]) => F.layerNorm(x, [4]),
  'max-of-empty': ([x]) => x.max(),
  'cross_entropy-range': ([x]) => F.crossEntropy(x, labels(0, 3)),
  'cross_entropy-batch': ([x]) => F.crossEntropy(x, labels(0)),
  'embedding-range': ([weight]) => F.embedding(labels(3), weight),
  'backward-nonscalar': ([x]) => x.mul(2).backward(),
  'backward-no-grad': ([x]) => x.detach().sum().backward(),
  'backward-twice': ([x]) => twice(x),
  'inplace-leaf': ([x]) => x.add_(1),
  'inplace-saved': ([x]) => changedAfterUse(x),
  'bad-dropout-p': () => new nn.Dropout(1.5),
  'mha-heads': () => new (findModule<new (embedDim: number, numHeads: number) => unknown>('MultiheadAttention'))(5, 2),
  'item-of-many': ([x]) => x.item(),
  'batchnorm-one-value': ([x]) => F.batchNorm(x, null, null, { training: true }),
  'sgd-negative-lr': (t) => new optim.SGD(t, { lr: -1 }),
  'sgd-nesterov-without-momentum': (t) => new optim.SGD(t, { lr: 1, nesterov: true }),
  'load_state_dict-shape': ([weight]) => new nn.Linear(3, 2).loadStateDict({ weight, bias: zeros([2]) }),
  'load_state_dict-missing': ([weight]) => new nn.Linear(3, 2).loadStateDict({ weight }),
  'conv-module-groups': () => new nn.Conv2d(3, 4, 1, { groups: 2 }),
  'one-hot-target-dtype-shape': ([x, target]) => F.crossEntropy(x, target),
  'mse-shape-nobroadcast': ([x, y]) => F.mseLoss(x, y),
  'onecycle-past-end': (t) => pastTheEnd(t),
}

const ofTheLanguage = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError]

/** What is wrong with how the call is refused; nothing when it throws an error of the library that says what to do. */
export function refusal(call: (t: readonly Tensor[]) => unknown, shapes: ErrorCase['shapes']): string[] {
  try {
    call(shapes.map((shape) => randn(shape, { requiresGrad: true })))
  } catch (error) {
    if (!(error instanceof Error)) return [`threw ${error}, which is no Error`]
    if (error instanceof Missing) throw error
    if (ofTheLanguage.some((type) => error.constructor === type) || error.constructor === Error) return [`threw ${error}, not an error of the library`]
    if (!error.name.endsWith('Error')) return [`threw ${error.name}, a name that does not end with Error`]
    if (!/^[^:\n]+: [^\n]+\n {2}help: [^\n]+$/.test(error.message)) return [`the message is not "operation: problem" and a line of help: ${error.message}`]
    return []
  }
  return ['was not refused']
}
