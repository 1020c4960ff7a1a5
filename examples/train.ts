/** Trains a Vision Transformer: `npm start`, or `npm run train -- --help`. */
import { train } from './training/loop.ts'
import { runProgram } from './training/mistakes.ts'
import { help, parseSettings } from './training/settings.ts'

await runProgram('npm run train --', async () => {
  const given = parseSettings(process.argv.slice(2))
  if (given === 'help') console.log(help)
  else process.exitCode = await train(given)
})
