/** Why a step gave no number: the same step again, with every operation watched. */
import { autograd, GraphError, nn, setRngState, type Tensor } from 'vitgrad'

/**
 * Where a step first made NaN or infinity. `loss` runs its forward pass, from the random state `draws`. Nothing was updated, so that
 * the step goes as it went.
 */
export function explainBadStep(model: nn.Module, loss: () => Tensor, draws: Uint8Array): string {
  const bad = [...model.namedParameters()].find(([, parameter]) => !hasOnlyFinite(parameter))
  if (bad) return `the weights of ${bad[0]} are not finite`
  setRngState(draws)
  model.zeroGrad()
  const path = watchPath(model)
  try {
    autograd.detectAnomaly(() => {
      const result = loss()
      path.leave()
      result.backward()
    }, { forward: true })
  } catch (error) {
    if (!(error instanceof GraphError)) throw error
    const [what] = error.message.split(/; it was called at|\.?\n/)
    return `the first bad operation is ${what}${path.current() ? `, in ${path.current()}` : ', on the way back'}`
  }
  const overflown = [...model.namedParameters()].find(([, { grad }]) => grad !== null && !hasOnlyFinite(grad))
  return overflown ? `the gradient of ${overflown[0]} is not finite` : 'all numbers were finite when the step was made again'
}

const hasOnlyFinite = (tensor: Tensor) => tensor.data.every(Number.isFinite)

/** Knows which module is being called. */
function watchPath(model: nn.Module): { current(): string; leave(): void } {
  const inside: string[] = []
  for (const [name, module] of model.namedModules()) {
    if (!(module instanceof nn.Module)) continue
    module.registerForwardPreHook(() => void inside.push(name || model.constructor.name))
    module.registerForwardHook(() => void inside.pop())
  }
  return { current: () => inside[inside.length - 1] ?? '', leave: () => void (inside.length = 0) }
}
