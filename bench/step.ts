/** Measures vitgrad's training step in a process of its own: `tsx bench/step.ts A 5` prints one line of JSON after about 10 s. */
import { readFileSync } from 'node:fs'
import { nn, optim } from 'vitgrad'
import { configOf, LEARNING_RATE, MOMENTUM } from './configs.ts'
import { engineSetting } from './engine.ts'
import { measureSteps } from './measure.ts'
import { build, parameterCount } from './model.ts'

const [key = 'A', seconds = '5'] = process.argv.slice(2)
const config = configOf(key)
const { model, pictures, labels } = build(config)
const optimizer = new optim.SGD(model.parameters(), { lr: LEARNING_RATE, momentum: MOMENTUM })

function step(): number {
  optimizer.zeroGrad()
  const loss = nn.functional.crossEntropy(model(pictures), labels)
  loss.backward()
  optimizer.step()
  return loss.item()
}

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const subject = { name: 'vitgrad', version, setting: engineSetting(), parameters: parameterCount(model) }
console.log(JSON.stringify(await measureSteps(subject, config, Number(seconds), step)))
process.exit(0)
