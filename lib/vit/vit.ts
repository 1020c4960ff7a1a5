/** What `vit` offers. */
export { attentionRollout } from './attention-rollout.ts'
export { CompactTransformer, type CompactTransformerOptions } from './compact-transformer.ts'
export { PatchConv, PositionEmbedding, Transformer, TransformerBlock, Vit, type VitOptions } from './notebook-vit.ts'
export { VisionTransformer, vitBase, vitSizes, vitSmall, vitTiny, type VisionTransformerOptions } from './vision-transformer.ts'
