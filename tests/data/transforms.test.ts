/** Transforms: from the same seed, torchvision's pictures and draws. transforms-golden.py has made the expected ones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { data, Generator, manualSeed, rand, stack, tensor, type Tensor } from 'vitgrad'
import { resizeBytes } from '../../lib/data/resample.ts'

const { transforms } = data
type Run<T> = [shape: number[], result: T, after: number]
interface Golden {
  readonly exact: Record<string, Run<string>[]>
  readonly close: Record<string, Run<number[]>[]>
  readonly augmentations: Record<string, Run<string>[]>
  readonly pillow: [[number, number], string][]
  readonly beta: Record<string, number[]>
  readonly mixed: Record<'MixUp' | 'CutMix', [images: string, labels: number[], after: number][]>
}
const golden: Golden = JSON.parse(readFileSync(new URL('transforms.golden.json', import.meta.url), 'utf8'))

const BYTES = Uint8Array.from({ length: 3 * 12 * 15 }, (_, i) => 7 * i * i + 13 * i)
const PICTURE = tensor(Float32Array.from(BYTES, (byte) => byte / 255), { shape: [3, 12, 15] })
const MEAN = [0.4914, 0.4822, 0.4465]
const STD = [0.247, 0.2435, 0.2616]

const EXACT: Record<string, data.transforms.PictureFunction> = {
  'crop': new transforms.RandomCrop(8),
  'padded crop': new transforms.RandomCrop(12, { padding: 4 }),
  'uneven crop': new transforms.RandomCrop([12, 15], { padding: [1, 2, 3, 4], fill: 0.5 }),
  'edge crop': new transforms.RandomCrop(10, { padding: [3, 2], paddingMode: 'edge' }),
  'reflect crop': new transforms.RandomCrop(10, { padding: 4, paddingMode: 'reflect' }),
  'symmetric crop': new transforms.RandomCrop(10, { padding: 4, paddingMode: 'symmetric' }),
  'needed crop': new transforms.RandomCrop([14, 17], { padIfNeeded: true }),
  'whole crop': new transforms.RandomCrop([12, 15]),
  'horizontal flip': new transforms.RandomHorizontalFlip(),
  'vertical flip': new transforms.RandomVerticalFlip({ p: 0.3 }),
  'centre crop': new transforms.CenterCrop([7, 8]),
  'larger centre crop': new transforms.CenterCrop([15, 10]),
  'pad': new transforms.Pad([1, 2, 3, 4], { fill: 0.25 }),
  'negative pad': new transforms.Pad([-1, 2]),
  'normalize': new transforms.Normalize(MEAN, STD),
  'erasing': new transforms.RandomErasing(),
  'coloured erasing': new transforms.RandomErasing({ p: 1, scale: [0.1, 0.4], ratio: [0.5, 2], value: [0.1, 0.2, 0.3] }),
  'random erasing': new transforms.RandomErasing({ p: 1, value: 'random' }),
  'hardly possible erasing': new transforms.RandomErasing({ p: 1, scale: [0.9, 1] }),
  'cifar': new transforms.Compose([new transforms.RandomCrop(12, { padding: 4 }), new transforms.RandomHorizontalFlip(), new transforms.Normalize(MEAN, STD)]),
  'nearest resize': new transforms.Resize([7, 20], { interpolation: 'nearest' }),
  'random grayscale': new transforms.RandomGrayscale(0.5),
  'rotation': new transforms.RandomRotation(30),
  'expanding rotation': new transforms.RandomRotation([20, 70], { expand: true, fill: 0.5 }),
  'centred rotation': new transforms.RandomRotation(45, { center: [2, 3] }),
  'affine': new transforms.RandomAffine(20, { translate: [0.2, 0.1], scale: [0.8, 1.2], shear: 10 }),
  'sheared affine': new transforms.RandomAffine([0, 10], { shear: [-5, 5, -15, 15], fill: [0.1, 0.2, 0.3] }),
}

const CLOSE: Record<string, data.transforms.PictureFunction> = {
  'resize': new transforms.Resize(9),
  'enlarge': new transforms.Resize([20, 31]),
  'aliased resize': new transforms.Resize([5, 7], { antialias: false }),
  'limited resize': new transforms.Resize(10, { maxSize: 11 }),
  'resized crop': new transforms.RandomResizedCrop(8),
  'wide resized crop': new transforms.RandomResizedCrop([8, 9], { scale: [0.8, 2], ratio: [2, 3] }),
  'jitter': new transforms.ColorJitter({ brightness: 0.4, contrast: 0.3, saturation: 0.5, hue: 0.2 }),
  'brightness': new transforms.ColorJitter({ brightness: [0.5, 1.5] }),
  'hue': new transforms.ColorJitter({ hue: 0.5 }),
  'grayscale': new transforms.Grayscale(3),
  'bilinear rotation': new transforms.RandomRotation(30, { interpolation: 'bilinear' }),
  'bilinear affine': new transforms.RandomAffine(30, { translate: [0.1, 0.3], scale: [0.5, 1.5], shear: 20, interpolation: 'bilinear', fill: 0.3 }),
}

const AUGMENTATIONS: Record<string, data.transforms.PictureFunction> = {
  'rand augment': new transforms.RandAugment(),
  'strong rand augment': new transforms.RandAugment({ numOps: 3, magnitude: 28 }),
  'filled rand augment': new transforms.RandAugment({ numOps: 5, fill: [0.1, 0.2, 0.3] }),
  'bilinear rand augment': new transforms.RandAugment({ numOps: 4, magnitude: 20, interpolation: 'bilinear' }),
  'trivial augment': new transforms.TrivialAugmentWide(),
}

const digest = (numbers: ArrayBufferView) => createHash('sha256').update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)).digest('hex').slice(0, 16)
const toBytes = (picture: Tensor) => Uint8Array.from(picture.data, (value) => Math.round(255 * value))

/** What the transform makes of the picture after each seed, and the number drawn next. */
const runs = <T>(transform: data.transforms.PictureFunction, seeds: number, keep: (out: Tensor) => T) =>
  Array.from({ length: seeds }, (_, seed): Run<T> => {
    const generator = manualSeed(seed)
    const out = transform(PICTURE, { generator })
    return [[...out.shape], keep(out), rand([1]).item()]
  })

for (const [name, expected] of Object.entries(golden.exact))
  test(`${name}: torchvision's pixels and draws`, () => {
    assert.equal(runs(EXACT[name], expected.length, ({ data: numbers }) => digest(numbers.slice())).map(String), expected.map(String))
  })

for (const [name, expected] of Object.entries(golden.close))
  test(`${name}: torchvision's numbers and draws`, () => {
    const actual = runs(CLOSE[name], expected.length, ({ data: numbers }) => [...numbers].filter((_, i) => i % 7 === 0))
    expected.forEach(([shape, numbers, after], seed) => {
      assert.equal([actual[seed][0], actual[seed][2]], [shape, after])
      const far = numbers.findIndex((value, i) => !(Math.abs(value - actual[seed][1][i]) <= 2e-6))
      assert.ok(far < 0, `seed ${seed}, place ${far}: ${actual[seed][1][far]} is not ${numbers[far]}`)
    })
  })

for (const [name, expected] of Object.entries(golden.augmentations))
  test(`${name}: torchvision's bytes and draws`, () => {
    assert.equal(runs(AUGMENTATIONS[name], expected.length, (out) => digest(toBytes(out))).map(String), expected.map(String))
  })

test('bytes are resized as Pillow resizes them', () => {
  for (const [[width, height], expected] of golden.pillow) assert.is(digest(resizeBytes(BYTES, [3, 12, 15], [height, width])), expected, `${width} x ${height}`)
})

test('Beta shares are those that torch draws', () => {
  for (const [alpha, expected] of Object.entries(golden.beta)) {
    const generator = new Generator(3)
    const shares = expected.slice(0, -1).map(() => generator.beta(Number(alpha), Number(alpha)))
    assert.equal([...shares, rand([1], { generator }).item()], expected)
  }
})

for (const kind of ['MixUp', 'CutMix'] as const)
  test(`${kind}: torchvision's pictures, soft labels and draws`, () => {
    const mix = new transforms[kind]({ alpha: 0.8, numClasses: 4 })
    const images = stack([PICTURE, PICTURE.flip(2), PICTURE.neg().add(1)])
    golden.mixed[kind].forEach(([pictures, labels, after], seed) => {
      for (const given of [tensor([2, 0, 1]), tensor([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]])]) {
        manualSeed(seed)
        const [mixed, soft] = mix(images, given)
        assert.equal([digest(mixed.data.slice()), [...soft.data], soft.shape, rand([1]).item()], [pictures, labels, [3, 4], after])
      }
    })
    assert.throws(() => mix(PICTURE, tensor([0])), new RegExp(`${kind}: pictures of .* are no batch`))
    assert.throws(() => mix(images, tensor([0, 1, 4])), /no class 4 among 4/)
    assert.throws(() => new transforms[kind]()(images, tensor([0, 1, 2])), /no numClasses/)
    assert.throws(() => new transforms[kind]({ alpha: 0 }), /alpha 0/)
  })

test('a generator of its own leaves the default one alone', () => {
  const crop = new transforms.RandomCrop(8)
  manualSeed(1)
  const expected = crop(PICTURE)
  manualSeed(2)
  const next = rand([1]).item()
  manualSeed(2)
  assert.equal(crop(PICTURE, { generator: new Generator(1) }).data, expected.data)
  assert.is(rand([1]).item(), next)
})

test('pictures under leading dimensions all undergo the same; the given tensor is left as it is', () => {
  const chain = new transforms.Compose([new transforms.RandomCrop(10, { padding: 3 }), new transforms.RandomHorizontalFlip(), new transforms.RandomErasing({ p: 1, value: 1 })])
  const batch = stack([PICTURE, PICTURE])
  manualSeed(4)
  const one = chain(PICTURE)
  manualSeed(4)
  const two = chain(batch.unsqueeze(0))
  assert.equal(two.shape, [1, 2, 3, 10, 10])
  assert.equal([...two.data], [...one.data, ...one.data])
  assert.equal([...batch.data], [...PICTURE.data, ...PICTURE.data])
})

test('functions of a user stand among transforms, and get the generator', () => {
  const own: data.transforms.PictureFunction = (picture, { generator }) => picture.mul(rand([1], { generator }))
  const chain = new transforms.Compose([new transforms.CenterCrop(4), own, new transforms.Normalize([0.5], [0.5])])
  const factor = rand([1], { generator: new Generator(3) })
  const expected = new transforms.CenterCrop(4)(PICTURE).mul(factor).sub(0.5).div(0.5)
  assert.equal(chain(PICTURE, { generator: new Generator(3) }).data, expected.data)
  assert.throws(() => new transforms.Compose([(picture) => picture.flatten()])(PICTURE), /Lambda: the function has returned a tensor of shape \(540,\)/)
})

test('a decoded picture becomes a tensor, channel by channel; a tensor stays one', () => {
  const toTensor = new transforms.ToTensor()
  const picture = toTensor({ width: 2, height: 1, data: Uint8Array.of(0, 51, 102, 153, 204, 255) })
  assert.equal([picture.shape, [...picture.data]], [[3, 1, 2], [0, 153, 51, 204, 102, 255].map((byte) => Math.fround(byte / 255))])
  assert.equal(toTensor(PICTURE).data, PICTURE.data)
  assert.throws(() => toTensor({ width: 2, height: 2, data: new Uint8Array(7) }), /7 bytes are not the pixels of a picture of 2 x 2/)
})

test('a dataset of bytes gives what its transform makes of its values, normalised at the end', () => {
  const chain = () => new transforms.Compose([new transforms.RandomCrop(12, { padding: 4, fill: 0.5 }), new transforms.RandomHorizontalFlip(), new transforms.Pad(2, { fill: 0.25 }), new transforms.ColorJitter({ brightness: 0.2 })])
  const dataset = new data.ImageDataset({ images: BYTES, labels: Uint8Array.of(3) }, { shape: [3, 12, 15], classes: [], transform: chain(), mean: MEAN, std: STD })
  for (let seed = 0; seed < 5; seed++) {
    manualSeed(seed)
    const expected = new transforms.Normalize(MEAN, STD)(chain()(PICTURE))
    manualSeed(seed)
    assert.equal(dataset.get(0)[0].data, expected.data)
  }
  assert.equal(dataset.withTransform(null).get(0)[0].data, new transforms.Normalize(MEAN, STD)(PICTURE).data)
})

test('what cannot be done is refused with the sizes and the way out', () => {
  const refuses = (run: () => unknown, message: RegExp) => assert.throws(run, (error: Error) => message.test(error.message) && error.message.includes('\n  help: '))
  refuses(() => new transforms.RandomCrop(13)(PICTURE), /RandomCrop: a crop of \(13, 13\) is larger than the picture of \(12, 15\)/)
  refuses(() => new transforms.RandomCrop(0), /RandomCrop: size 0/)
  refuses(() => new transforms.Pad(12, { paddingMode: 'reflect' })(PICTURE), /Pad: a side of 12 cannot be mirrored into a padding of 12/)
  refuses(() => new transforms.Pad(1, { fill: [1, 2] })(PICTURE), /Pad: 2 values \[1, 2\] do not fill the 3 channels/)
  refuses(() => new transforms.RandomHorizontalFlip(1.5), /RandomHorizontalFlip: p = 1.5/)
  refuses(() => new transforms.Normalize([0, 0], [1, 1])(PICTURE), /Normalize: a mean and deviation of 2 channels/)
  refuses(() => new transforms.Normalize([0], [0]), /Normalize: a deviation of \[0\] is 0/)
  refuses(() => new transforms.RandomErasing({ scale: [0.5, 1.5] }), /RandomErasing: scale \[0.5, 1.5\]/)
  refuses(() => new transforms.ColorJitter({ hue: 0.6 }), /ColorJitter: hue \[-0.6, 0.6\]/)
  refuses(() => new transforms.ColorJitter({ hue: 0.1 })(stack([PICTURE.select(0, 0), PICTURE.select(0, 1)])), /ColorJitter: a picture of 2 channels/)
  refuses(() => new transforms.Resize(8, { maxSize: 8 }), /Resize: maxSize 8/)
  refuses(() => new transforms.RandAugment({ magnitude: 31 }), /RandAugment: magnitude 31/)
  refuses(() => new transforms.RandomRotation(-1), /RandomRotation: degrees -1/)
  refuses(() => new transforms.CenterCrop(2)(tensor([1, 2])), /CenterCrop: a tensor of shape \(2,\) is no picture/)
})

test.run()
