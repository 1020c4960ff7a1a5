/**
 * The errors that vitgrad throws. Every message names the operation, says what is wrong with which shapes
 * or values, and ends with the way out:
 *
 *     ShapeError: matmul: (2, 3) and (4, 5) cannot be multiplied: inner sizes 3 and 4 differ.
 *       help: transpose one of them, or check the order of the arguments.
 */
class VitgradError extends Error {
  constructor(operation: string, problem: string, help: string) {
    super(`${operation}: ${problem}.\n  help: ${help}.`)
    this.name = new.target.name
  }
}

/** Shapes that do not fit the operation or each other. */
export class ShapeError extends VitgradError {}

/** A dimension, an index or a label outside its range, or that is no whole number. */
export class IndexError extends VitgradError {}

/** An argument whose value the operation cannot take. */
export class ValueError extends VitgradError {}

/** A gradient that cannot be computed: no graph, a graph already released, a saved value changed in place. */
export class GraphError extends VitgradError {}

/** A state dict whose keys or shapes do not fit the module or optimizer. */
export class StateDictError extends VitgradError {}

/** A file that is missing, truncated, too long or otherwise not what its name says, or that cannot be written. */
export class DataError extends VitgradError {}

/** A thread that ended while it changed numbers in place: some of them may have been changed twice. */
export class ThreadError extends VitgradError {}

/** What a caught value says of itself. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
