/** Prints the losses of a short training to the last bit: what must not depend on threads, heap or the way to it. */
import { manualSeed, nn, noGrad, optim, randint, randn, vit } from 'vitgrad'

manualSeed(3)
const model = new vit.Vit({ imageSize: 32, patchSize: 4, numBlocks: 2, heads: 4, dropout: 0.1, classes: 10 })
const optimizer = new optim.SGD(model.parameters(), { lr: 0.02, momentum: 0.9 })
const x = randn([24, 3, 32, 32])
const y = randint(0, 10, [24])
const losses = Array.from({ length: 4 }, () => {
  optimizer.zeroGrad()
  const loss = nn.functional.crossEntropy(model(x), y)
  loss.backward()
  optimizer.step()
  return loss.item()
})
model.eval()
console.log(JSON.stringify([...losses, ...noGrad(() => model(x)).sum(1).data]))
