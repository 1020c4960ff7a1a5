/** From values between 0 and 1 to numbers around 0. */
import { data } from 'vitgrad'

/** (value − mean) / std, for each channel. */
export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** For pictures whose values are not known better: from −2 to 2. */
export const half: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }

/** What is done to each picture: it is varied, then normalised. */
export function normalized(augmentation: readonly data.transforms.Transform[], { mean, std }: Normalization): data.transforms.Transform {
  return new data.transforms.Compose([...augmentation, new data.transforms.Normalize(mean, std)])
}
