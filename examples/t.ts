import { drawCurves } from './training/plots/curves.ts'
import { drawConfusion } from './training/plots/confusion.ts'
import { writeFileSync } from 'node:fs'
const N = 1200, per = 400
const points = Array.from({ length: N }, (_, i) => ({ epoch: (i + 1) / per, loss: 2.3 * Math.exp(-i / 500) + 0.3 + 0.2 * Math.random(), accuracy: Math.min(1, 0.1 + 0.6 * (1 - Math.exp(-i / 400)) + 0.1 * Math.random()), lr: 1e-3 * Math.sin(Math.PI * i / N), testLoss: (i + 1) % per ? null : 2 * Math.exp(-i / 500) + .4, testAccuracy: (i + 1) % per ? null : 0.6 * (1 - Math.exp(-i / 400)) + 0.1 }))
writeFileSync('/tmp/curves.svg', drawCurves(points))
const c = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']
const conf = (n: number) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => i === j ? 800 + Math.round(100 * Math.random()) : Math.round(40 * Math.random() ** 3)))
writeFileSync('/tmp/confusion.svg', drawConfusion(conf(10), c))
writeFileSync('/tmp/confusion100.svg', drawConfusion(conf(100), Array.from({ length: 100 }, (_, i) => `class_name_${i}`)))
