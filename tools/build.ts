/**
 * Builds the package as it is published: `npm run build [FOLDER]` makes FOLDER (dist by default) of plain JavaScript and declarations,
 * which Node runs without a loader, and a browser as it is. Whatever is in the folder goes.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = resolve(process.argv[2] ?? `${root}dist`)

rmSync(folder, { recursive: true, force: true })
await build({
  // A loader's workers load a file of their own, which lies beside the one that starts them.
  entryPoints: { vitgrad: `${root}lib/index.ts`, 'prefetch-worker': `${root}lib/data/prefetch-worker.ts` },
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
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tools/tsconfig.build.json`, '--outDir', `${folder}/types`], { stdio: 'inherit' })

const { name, version, description, license, type, engines } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const exports = { '.': { types: './types/index.d.ts', default: './vitgrad.js' } }
writeFileSync(`${folder}/package.json`, `${JSON.stringify({ name, version, description, license, type, exports, engines }, null, 2)}\n`)
for (const file of ['README.md', 'LICENSE']) copyFileSync(`${root}${file}`, `${folder}/${file}`)
