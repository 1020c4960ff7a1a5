/** What `data` offers. */
export { cifar10, cifar10Classes, type Cifar10Options } from './cifar10.ts'
export { randomSplit, Subset, TensorDataset, type Dataset, type Sample } from './dataset.ts'
export { ImageDataset, type ImageDatasetOptions, type LabelledImages } from './image-dataset.ts'
export { DataLoader, type DataLoaderOptions } from './loader.ts'
export { synthetic, syntheticClasses, type SyntheticOptions } from './synthetic.ts'
