/** What `vit` offers. */
export { PatchConv, PositionEmbedding, Transformer, TransformerBlock, Vit, type VitOptions } from './notebook-vit.ts'
export { VisionTransformer, vitBase, vitSmall, vitTiny, type VisionTransformerOptions } from './vision-transformer.ts'
