import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, noGrad, optim, randn } from 'vitgrad'

test.before.each(() => void manualSeed(0))

test('whoever holds the numbers of a parameter sees each change as soon as the call that makes it returns', () => {
  const layer = new nn.Linear(512, 512)
  const held = layer.weight.data
  const before = held.slice()
  for (let step = 1; step <= 20; step++) {
    noGrad(() => layer.weight.mul_(2))
    assert.is(held[0], before[0] * 2 ** step)
    assert.is(held[held.length - 1], before[held.length - 1] * 2 ** step)
  }
  const optimizer = new optim.SGD([layer.weight], { lr: 1 })
  layer.weight.sum().backward()
  optimizer.step()
  assert.is(held[0], Math.fround(before[0] * 2 ** 20 - 1))
})

test('numbers of a parameter that are changed from outside count for what is computed afterwards, and for nothing before', () => {
  const [first, second, x] = [new nn.Linear(512, 512, { bias: false }), new nn.Linear(512, 512, { bias: false }), randn([256, 512])]
  const held = second.weight.data
  const before = held.slice()
  const expected = second(first(x)).data.slice()
  for (let round = 0; round < 20; round++) {
    held.set(before)
    const y = second(first(x))
    held.fill(0)
    assert.ok(y.data.every((value, i) => value === expected[i]))
    assert.ok(second(first(x)).data.every((value) => value === 0))
  }
})

test.run()
