/** What `io` offers. */
export { loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
export { decodeSafetensors, encodeSafetensors, loadSafetensors, safetensorsMetadata, saveSafetensors, type TensorDict } from './safetensors.ts'
