/** Asking a model, as opposed to training it. */
import { noGrad, type nn } from 'vitgrad'

/** Runs `ask` with the model in evaluation mode and without gradients: nothing is dropped, and nothing drawn. The model stays in its mode. */
export function asking<T>(model: nn.Module, ask: () => T): T {
  const { training } = model
  model.eval()
  try {
    return noGrad(ask)
  } finally {
    model.train(training)
  }
}
