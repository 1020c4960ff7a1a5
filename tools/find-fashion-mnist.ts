/**
 * Puts Fashion-MNIST where `data.fashionMnist()` looks for it:
 *
 *     npm run data:fashion-mnist [-- --out data/fashion-mnist]
 *
 * Debian and its kin have the published files in the package dataset-fashion-mnist: they are linked, not copied. Elsewhere it says in two
 * lines where to get them. It may be run again at any time.
 */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { data } from 'vitgrad'

const DEBIAN = '/usr/share/datasets/fashion-mnist'

function main(): void {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join('data', 'fashion-mnist') } } })
  const out = values.out ?? ''
  if (!existsSync(out) && existsSync(DEBIAN)) {
    mkdirSync(dirname(out), { recursive: true })
    symlinkSync(DEBIAN, out)
  }
  if (!existsSync(out)) {
    console.error('data:fashion-mnist: on Debian or Ubuntu say `apt-get install dataset-fashion-mnist`, and run this again;')
    console.error(`  elsewhere put the four files from https://github.com/zalandoresearch/fashion-mnist (data/fashion) into ${out}`)
    process.exitCode = 1
    return
  }
  const [train, test] = [true, false].map((train) => data.fashionMnist(out, { train }).length)
  console.log(`Fashion-MNIST is whole in ${out}: ${train} training and ${test} test pictures`)
}

try {
  main()
} catch (error) {
  console.error(`data:fashion-mnist: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
