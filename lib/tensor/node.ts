/** What Node has and a browser has not. It is asked for only when it is used, so that the library loads in both. */

/** A module of Node; undefined elsewhere. */
export const builtin: typeof process.getBuiltinModule = (name: string) => globalThis.process?.getBuiltinModule?.(name)

/** A variable of the environment; undefined where it is not set, or empty, or there is none. */
export const environment = (variable: string): string | undefined => globalThis.process?.env?.[variable] || undefined
