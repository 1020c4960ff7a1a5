/** CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour pictures of 32 x 32 in a hundred classes of twenty kinds, from the official binary files. */
import { checkWord, optionsOf } from '../tensor/options.ts'
import { readCifar, type CifarLayout } from './cifar.ts'
import { ImageDataset, picturesDefaults, type PicturesOptions } from './image-dataset.ts'

/** The hundred names, in the order of their labels. */
export const cifar100Classes: readonly string[] =
  `apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle chair
  chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
  lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
  pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
  spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
  willow_tree wolf woman worm`.split(/\s+/)

/** The twenty kinds. */
export const cifar100CoarseClasses: readonly string[] =
  `aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture insects large_carnivores
  large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles
  small_mammals trees vehicles_1 vehicles_2`.split(/\s+/)

/** Mean and standard deviation of the red, green and blue values, in [0, 1], over the training pictures. */
const CIFAR100_MEAN: readonly number[] = [0.5071, 0.4865, 0.4409]
const CIFAR100_STD: readonly number[] = [0.2673, 0.2564, 0.2762]

export interface Cifar100Options extends PicturesOptions {
  /** The hundred classes (default) or the twenty kinds. */
  readonly labels?: 'fine' | 'coarse'
}

/**
 * CIFAR-100 from the official files train.bin and test.bin in `folder`: samples [picture (3, 32, 32), label]. Throws a DataError naming
 * the file that is missing or not whole.
 */
export function cifar100(folder = 'data/cifar100', given: Cifar100Options = {}): ImageDataset {
  const { train, count, labels, transform, normalize } = optionsOf('cifar100', given, { ...picturesDefaults(given), labels: 'fine' })
  checkWord('cifar100', 'labels', labels, ['fine', 'coarse'])
  const classes = labels === 'fine' ? cifar100Classes : cifar100CoarseClasses
  const layout: CifarLayout = {
    name: 'cifar100',
    labelBytes: 2,
    label: labels === 'fine' ? 1 : 0,
    classes: classes.length,
    help: `take cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, and unpack train.bin and test.bin into ${folder}`,
  }
  return new ImageDataset(readCifar(folder, [train ? 'train.bin' : 'test.bin'], train ? 50_000 : 10_000, layout, count), {
    shape: [3, 32, 32],
    classes,
    transform,
    ...(normalize ? { mean: CIFAR100_MEAN, std: CIFAR100_STD } : {}),
  })
}
