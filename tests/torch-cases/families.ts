/** How a case of each family is run: every function returns what differs from PyTorch, nothing when all is right. */
import { cat, nn, zeros, type Tensor } from 'vitgrad'
import type { CallCase, ClipCase, ErrorCase, Expected, Family, ModuleSpec, Named, Operand, OptimCase, SchedCase, TrainCase, ViewStep } from './cases.ts'
import { decode, decodeAll, differences } from './cases.ts'
import { modules, type Built } from './modules.ts'
import { ops, tensors } from './ops.ts'
import { calls, refusal } from './refusals.ts'
import { findClip, findOptimizer, findScheduler, options, type AnyOptimizer } from './surface.ts'

function viewed(x: Tensor, step: ViewStep): Tensor {
  switch (step[0]) {
    case 'transpose':
      return x.transpose(step[1], step[2])
    case 'permute':
      return x.permute(step[1])
    case 'expand':
      return x.expand(step[1])
    case 'reshape':
      return x.reshape(step[1])
    case 'slice':
      return x.at(...new Array<string>(step[1]).fill(':'), `${step[2]}:${step[3]}:${step[4]}`)
    case 'select':
      return x.select(step[1], step[2])
    case 'unsqueeze':
      return x.unsqueeze(step[1])
  }
}

function build(spec: ModuleSpec, params: Named<Expected>, buffers: Named<Expected>): Built {
  const built = modules[spec.type](spec.args)
  built.module.loadStateDict({ ...decodeAll(params), ...decodeAll(buffers) })
  if (spec.training) built.module.train()
  else built.module.eval()
  return built
}

const leaf = (operand: Operand) => decode(operand.base, operand.requires_grad)

function named(entries: Iterable<readonly [string, Tensor]>, suffix: string, expected: Named<Expected | null>, pick: (t: Tensor) => Tensor | null): string[] {
  const actual = new Map(entries)
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = actual.get(name)
    return found ? differences(name + suffix, value, pick(found)) : [`${name}: the module has none`]
  })
}

/** Sum over outputs of sum(output * cotangent), backwards. */
function propagate(outputs: readonly Tensor[], cotangents: CallCase['cotangents']) {
  const terms = outputs.flatMap((output, i) => {
    const cotangent = cotangents[i]
    return cotangent && output.requiresGrad ? [output.mul(decode(cotangent)).sum().reshape([1])] : []
  })
  if (terms.length > 0) cat(terms, 0).sum().backward()
}

function runCall(c: CallCase): string[] {
  const built = c.module && build(c.module, c.params ?? {}, c.buffers ?? {})
  const leaves = c.inputs.map(leaf)
  const operands = leaves.map((x, i) => c.inputs[i].view.reduce(viewed, x))
  const outputs = tensors(built ? built.call(operands, c.attrs) : ops[c.op](operands, c.attrs))
  if (outputs.length !== c.outputs.length) return [`${outputs.length} outputs, expected ${c.outputs.length}`]
  const wrongOutputs = outputs.flatMap((output, i) => differences(`output ${i}`, c.outputs[i], output))
  propagate(outputs, c.cotangents)
  const wrongGradients = leaves.flatMap((x, i) => differences(`gradient of ${c.inputs[i].name}`, c.grads[i], x.grad))
  if (!built) return [...wrongOutputs, ...wrongGradients]
  return [
    ...wrongOutputs,
    ...wrongGradients,
    ...named(built.module.namedParameters(), '.grad', c.param_grads ?? {}, (p) => p.grad),
    ...named(built.module.namedBuffers(), ' afterwards', c.buffers_after ?? {}, (b) => b),
  ]
}

function runOptim(c: OptimCase): string[] {
  const params = c.params.map((p) => decode(p, true))
  const groups = c.groups?.map((group) => ({ params: group.params.map((i) => params[i]), ...options(group.args) }))
  const optimizer = new (findOptimizer(c.optimizer))(groups ?? params, options(c.args))
  return c.grads.flatMap((gradients, step) => {
    params.forEach((p, i) => {
      const gradient = gradients[i]
      p.grad = gradient && decode(gradient)
    })
    optimizer.step()
    return params.flatMap((p, i) => differences(`parameter ${i} after step ${step + 1}`, c.after[step][i], p))
  })
}

function runSched(c: SchedCase): string[] {
  const optimizer: AnyOptimizer = new (findOptimizer(c.optimizer.type))([zeros([1], { requiresGrad: true })], options(c.optimizer.args))
  const scheduler = new (findScheduler(c.scheduler))(optimizer, options(c.args))
  const off = (what: string, step: number, want: number | null, got: number | null) =>
    want === got || (want !== null && got !== null && Math.abs(want - got) <= c.tol_rel * Math.abs(want)) ? [] : [`${what} after step ${step}: ${got}, expected ${want}`]
  const wrong: string[] = []
  for (let step = 0; step <= c.steps; step++) {
    const [group] = optimizer.paramGroups
    wrong.push(...off('lr', step, c.lr[step], group.lr), ...off('momentum', step, c.momentum[step], group.betas?.[0] ?? group.momentum ?? null))
    if (step === c.steps) break
    optimizer.step()
    scheduler.step()
  }
  return wrong
}

function runClip(c: ClipCase): string[] {
  const params = c.grads.map((gradient) => {
    const p = decode(gradient, true)
    p.grad = decode(gradient)
    return p
  })
  const norm = findClip()(params, c.max_norm, { normType: Number(c.norm_type === 'inf' ? Infinity : c.norm_type) })
  return [...differences('total norm', c.total_norm, norm), ...params.flatMap((p, i) => differences(`gradient ${i}`, c.after[i], p.grad))]
}

function runTrain(c: TrainCase): string[] {
  const { module, call } = build(c.module, c.params, c.buffers)
  const optimizer = new (findOptimizer(c.optimizer.type))([...module.parameters()], options(c.optimizer.args))
  const losses = c.batches.map(({ x, y }) => {
    optimizer.zeroGrad()
    const [logits] = tensors(call([decode(x)], {}))
    const loss = nn.functional.crossEntropy(logits, decode(y))
    loss.backward()
    if (c.clip !== null) findClip()(module.parameters(), c.clip)
    optimizer.step()
    return loss.detach().reshape([1])
  })
  return [
    ...differences('losses', c.losses, cat(losses, 0)),
    ...named(module.namedParameters(), ' after training', c.params_after, (p) => p),
    ...named(module.namedBuffers(), ' after training', c.buffers_after, (b) => b),
  ]
}

const runErrors = (c: ErrorCase) => refusal(calls[c.call], c.shapes)

/** Each case of the family with the function that runs it. */
export function runs(family: Family): { readonly id: string; readonly run: () => string[] }[] {
  switch (family.family) {
    case 'optim':
      return family.cases.map((c) => ({ id: c.id, run: () => runOptim(c) }))
    case 'sched':
      return family.cases.map((c) => ({ id: c.id, run: () => runSched(c) }))
    case 'clip':
      return family.cases.map((c) => ({ id: c.id, run: () => runClip(c) }))
    case 'train':
      return family.cases.map((c) => ({ id: c.id, run: () => runTrain(c) }))
    case 'errors':
      return family.cases.map((c) => ({ id: c.id, run: () => runErrors(c) }))
    default:
      return family.cases.map((c) => ({ id: c.id, run: () => runCall(c) }))
  }
}
