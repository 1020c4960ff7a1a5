/** What the training program does, without its comforts: `npx tsx examples/train-in-40-lines.ts`. */
import { mkdirSync } from 'node:fs'
import { data, io, manualSeed, nn, noGrad, optim, vit } from 'vitgrad'

const epochs = 2
mkdirSync('runs/by-hand', { recursive: true })
manualSeed(0)
const train = new data.DataLoader(data.synthetic({ train: true }), { batchSize: 32, shuffle: true })
const test = new data.DataLoader(data.synthetic({ train: false }), { batchSize: 100 })
const model = new vit.VisionTransformer({ imageSize: 32, patchSize: 8, classes: 10, dim: 64, depth: 2, heads: 4, mlpRatio: 2 })
const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3, weightDecay: 0 })
const schedule = new optim.lrScheduler.OneCycleLR(optimizer, { maxLr: 3e-3, totalSteps: epochs * train.length })
const average = new optim.swaUtils.AveragedModel(model, { decay: 0.98 })

for (let epoch = 1; epoch <= epochs; epoch++) {
  let total = 0
  for (const [images, labels] of train) {
    optimizer.zeroGrad()
    const loss = nn.functional.crossEntropy(model(images), labels, { labelSmoothing: 0.1 })
    loss.backward()
    nn.utils.clipGradNorm_(model.parameters(), 1)
    optimizer.step()
    schedule.step()
    average.updateParameters(model)
    total += loss.item()
  }
  average.eval()
  let correct = 0
  for (const [images, labels] of test) correct += noGrad(() => average(images).argmax(1).eq(labels).sum().item())
  console.log(`epoch ${epoch}: loss ${(total / train.length).toFixed(4)}, test accuracy ${(correct / 10).toFixed(1)} %`)

  // All that is needed to go on from here: load each part with loadStateDict().
  io.saveCheckpoint('runs/by-hand/checkpoint.safetensors', { epoch, model: model.stateDict(), optimizer: optimizer.stateDict(), schedule: schedule.stateDict(), average: average.stateDict() })
}
io.saveSafetensors('runs/by-hand/model.safetensors', average.module.stateDict())
