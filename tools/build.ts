/**
 * Builds the package as it is published:
 *
 *     npm run build [-- --out dist]
 *
 * It is plain JavaScript with declarations, which Node runs without a loader, and a browser as it is.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { makeFolder } from '../examples/training/folders.ts'
import { RunError, runProgram } from '../examples/training/mistakes.ts'
import { describe, readFlags, text } from '../examples/training/options.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const options = {
  out: text('FOLDER', { group: 'options', help: 'where the package goes, in place of an earlier one', otherwise: 'dist' }),
}

const help = `Builds the package as it is published: plain JavaScript with declarations, which npm i FOLDER installs.

  npm run build

${describe(options)}
  --help                    this text`

/** Empties the folder, if nothing else than an earlier package is in it. */
function clear(folder: string): void {
  makeFolder(folder)
  if (readdirSync(folder).length > 0 && !existsSync(join(folder, 'vitgrad.js'))) throw new RunError(`${folder} holds something else than a built package: choose another --out, or empty it yourself`)
  rmSync(folder, { recursive: true })
  makeFolder(folder)
}

async function bundle(folder: string): Promise<void> {
  await build({
    // A loader's workers load a file of their own, which lies beside the one that starts them.
    entryPoints: { vitgrad: join(root, 'lib/index.ts'), 'prefetch-worker': join(root, 'lib/data/prefetch-worker.ts') },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    sourcemap: true,
    // Modules print the names of their classes.
    keepNames: true,
    logLevel: 'warning',
  })
}

function declare(folder: string): void {
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tools/tsconfig.build.json'), '--outDir', join(folder, 'types')], { stdio: 'inherit' })
}

function describePackage(folder: string): void {
  const { name, version, description, license, type, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const exports = { '.': { types: './types/index.d.ts', default: './vitgrad.js' } }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version, description, license, type, exports, engines }, null, 2)}\n`)
  for (const file of ['README.md', 'LICENSE']) copyFileSync(join(root, file), join(folder, file))
}

await runProgram('npm run build --', async () => {
  const { given, help: isHelp } = readFlags(options, process.argv.slice(2))
  if (isHelp) return console.log(help)
  const { out = 'dist' } = given
  clear(out)
  await bundle(out)
  declare(out)
  describePackage(out)
  console.log(`${out} is the package; install it in a project with npm i ${out}`)
})
