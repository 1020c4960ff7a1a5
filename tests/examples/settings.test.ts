/** Settings of the training program: flags, config files, and what excludes what. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nn, optim } from 'vitgrad'
import { UsageError } from '../../examples/training/mistakes.ts'
import { chooseSchedule } from '../../examples/training/optimization.ts'
import { complete, differences, help, parseSettings, settingsFromConfig, settingsToConfig, type GivenSettings } from '../../examples/training/settings.ts'

function parse(...argv: string[]): GivenSettings {
  const given = parseSettings(argv)
  if (given === 'help') throw new Error('help was asked for')
  return given
}

const refusal = (message: RegExp) => (error: unknown) => error instanceof UsageError && message.test(error.message)

function configFile(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'vitgrad-')), 'config.json')
  writeFileSync(file, text)
  return file
}

test('what is left out suits the data and the model', () => {
  const built = complete({})
  assert.equal([built.data, built.model, built.epochs, built.batch, built.lr, built.augment], ['synthetic', 'vit', 2, 32, 0.003, 'none'])
  const cifar = complete(parse('--data', 'cifar10'))
  assert.equal([cifar.folder, cifar.epochs, cifar.batch, cifar.schedule, cifar.augment], ['data/cifar10', 3, 128, 'onecycle', 'flip-crop'])
  const notebook = complete(parse('--model', 'notebook'))
  assert.equal([notebook.optimizer, notebook.dropout, notebook.lr], ['sgd', 0.1, 0.05])
  assert.is(complete(parse('--data', 'cifar10', '--epochs', '3')).warmup, 0.9)
  const tiny = complete(parse('--model', 'vit-tiny', '--depth', '2'))
  assert.equal([tiny.dim, tiny.heads, tiny.mlp, tiny.depth, tiny.patch], [192, 3, 4, 2, 8])
})

test('flags override a config file, whose keys are the flags', () => {
  const file = configFile('{ "epochs": 7, "label-smoothing": 0.1, "model": "cct" }')
  const given = parse('--config', file, '--epochs', '3')
  assert.equal([given.epochs, given.labelSmoothing, given.model], [3, 0.1, 'cct'])
  assert.equal(parse('--config', configFile('\uFEFF{ "epochs": 7 }')).epochs, 7)
  assert.throws(() => parse('--config', configFile('{ "epoch": 7 }')), refusal(/config\.json: epoch is no option/))
  assert.throws(() => parse('--config', configFile('{ "epochs": "many" }')), refusal(/config\.json: epochs many: give a whole number/))
  assert.throws(() => parse('--config', configFile('{ epochs')), refusal(/config\.json is no JSON/))
  assert.throws(() => parse('--config', configFile('{ "epochs": [7] }')), refusal(/config\.json: epochs is neither text, number/))
  assert.throws(() => parse('--config', configFile('{ "config": "other.json" }')), refusal(/names another config file/))
  assert.throws(() => parse('--config', 'nowhere.json'), refusal(/nowhere\.json cannot be read/))
})

test('flags that are unknown, malformed or out of range are usage errors that say what to write', () => {
  assert.throws(() => parse('--epoch', '3'), refusal(/--epoch/))
  assert.throws(() => parse('--epochs', 'none'), refusal(/--epochs none: give a whole number of at least 1/))
  assert.throws(() => parse('--epochs', '1.5'), refusal(/--epochs 1\.5/))
  assert.throws(() => parse('--dropout', '1.5'), refusal(/--dropout 1\.5: give a number from 0 to 1/))
  assert.throws(() => parse('--conv-channels', '32,0'), refusal(/--conv-channels 32,0: give whole numbers of at least 1 with commas between them/))
  assert.throws(() => parse('--optimizer', 'adam'), refusal(/--optimizer adam: give adamw or sgd/))
  assert.throws(() => parse('--lr', '-1'), refusal(/--lr -1: give a number of at least 0/))
  assert.throws(() => parse('stray'), refusal(/stray/))
})

test('settings that mean nothing beside others are refused, and so are those that exclude each other', () => {
  const refused: readonly [argv: readonly string[], message: RegExp][] = [
    [['--momentum', '0.9'], /--momentum means something only with --optimizer sgd/],
    [['--model', 'cct', '--patch', '4'], /--patch means something only with --model vit or notebook/],
    [['--conv-layers', '2'], /only with --model cct/],
    [['--conv-channels', '32'], /only with --model cct/],
    [['--conv-norm'], /only with --model cct/],
    [['--folder', 'x'], /only with --data cifar10/],
    [['--image-size', '64'], /only with a folder/],
    [['--resume'], /--resume means something only with --out/],
    [['--out', 'x', '--resume', '--overwrite'], /give one of them/],
    [['--warmup', '3'], /longer than the 2 epochs/],
    [['--cutmix', '1', '--batch', '1'], /give a --batch above 1/],
    [['--ema', '1'], /below 1/],
    [['--mlp', '0'], /--mlp 0 leaves the perceptrons without a single number/],
  ]
  for (const [argv, message] of refused) assert.throws(() => complete(parse(...argv)), refusal(message), argv.join(' '))
})

test('one cycle rises for the warm-up, and begins at the top where that has no more than a step', () => {
  const firstRate = (warmup: string) => {
    const settings = complete(parse('--schedule', 'onecycle', '--lr', '0.1', '--epochs', '2', '--warmup', warmup))
    const optimizer = new optim.AdamW(new nn.Linear(1, 1).parameters())
    chooseSchedule(optimizer, settings, 10)
    return optimizer.paramGroups[0].lr
  }
  for (const warmup of ['0.5', '0.2']) assert.ok(firstRate(warmup) < 0.0041, warmup) // lr / 25
  for (const warmup of ['0.1', '0.05', '0']) assert.ok(firstRate(warmup) > 0.099, warmup)
})

test('the settings of a run come back from its config, without what means nothing in it', () => {
  for (const argv of [[], ['--model', 'cct', '--data', 'cifar10'], ['--model', 'cct', '--conv-layers', '3', '--conv-channels', '32,64', '--conv-norm'], ['--model', 'notebook'], ['--data', 'some/folder', '--ema', '0.9']]) {
    const settings = complete(parse(...argv))
    const config = settingsToConfig({ ...settings, out: 'runs/x' })
    assert.not.ok('out' in config)
    assert.equal(differences(settingsFromConfig(JSON.stringify(config), 'settings.json'), settings), [])
    assert.equal(settingsToConfig(complete(settingsFromConfig(JSON.stringify(config), 'settings.json'))), config)
  }
  assert.not.ok('momentum' in settingsToConfig(complete({})))
})

test('differences name what was asked and what the run has; how a run is called is none', () => {
  const kept = complete({})
  assert.equal(differences({ lr: 0.1, epochs: 2, workers: 2, out: 'x', saveEvery: 1 }, kept), ['--lr 0.1 (the run has 0.003)'])
})

test('every recipe is a valid config', () => {
  const folder = new URL('../../examples/recipes/', import.meta.url)
  const recipes = readdirSync(folder).filter((name) => name.endsWith('.json'))
  assert.ok(recipes.length >= 3)
  for (const name of recipes) complete(settingsFromConfig(readFileSync(new URL(name, folder), 'utf8'), name))
})

test('the help names every flag once and fits into a terminal', () => {
  for (const flag of ['data', 'model', 'label-smoothing', 'save-every', 'config', 'help']) assert.is(help.split(`\n  --${flag} `).length, 2, flag)
  assert.ok(help.split('\n').every((line) => line.length <= 120))
})

test.run()
