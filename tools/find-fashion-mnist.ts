/**
 * Puts Fashion-MNIST where `data.fashionMnist()` looks for it:
 *
 *     npm run data:fashion-mnist [-- --out data/fashion-mnist]
 *
 * Debian and its kin have the published files in the package dataset-fashion-mnist: they are linked, not copied. Elsewhere it says in two
 * lines where to get them. It may be run again at any time.
 */
import { existsSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { data } from 'vitgrad'
import { RunError, runProgram } from '../examples/training/mistakes.ts'
import { describe, readFlags, text } from '../examples/training/options.ts'
import { makeFolder } from '../examples/training/folders.ts'

const DEBIAN = '/usr/share/datasets/fashion-mnist'

const options = {
  out: text('FOLDER', { group: 'options', help: 'where the files are to be found', otherwise: 'data/fashion-mnist' }),
}

const help = `Finds Fashion-MNIST where the Debian package dataset-fashion-mnist has put it, and links it, or says where to get it.

  npm run data:fashion-mnist

${describe(options)}
  --help                    this text`

await runProgram('npm run data:fashion-mnist --', () => {
  const { given, help: isHelp } = readFlags(options, process.argv.slice(2))
  if (isHelp) return console.log(help)
  const { out = join('data', 'fashion-mnist') } = given
  if (!existsSync(out) && existsSync(DEBIAN)) {
    makeFolder(dirname(out))
    symlinkSync(DEBIAN, out)
  }
  if (!existsSync(out))
    throw new RunError(`on Debian or Ubuntu say \`apt-get install dataset-fashion-mnist\`, and run this again;
elsewhere put the four files from https://github.com/zalandoresearch/fashion-mnist (data/fashion) into ${out}`)
  const [train, test] = [true, false].map((train) => data.fashionMnist(out, { train }).length)
  console.log(`Fashion-MNIST is whole in ${out}: ${train} training and ${test} test pictures`)
})
