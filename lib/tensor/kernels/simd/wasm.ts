/**
 * A small WebAssembly assembler. Expressions are values that compose by nesting; statements go into the function that is being
 * built; loops that unroll are ordinary loops of TypeScript.
 *
 *     const module = new WasmModule()
 *     module.function('axpy', { n: 'i32', a: 'f32', x: 'i32', y: 'i32' }, [], (f, { n, a, x, y }) => {
 *       const factor = f.let(f32x4.splat(a))
 *       f.for(n, { step: 4 }, () => {
 *         f.do(v128.store(y, f32x4.add(f32x4.mul(v128.load(x), factor), v128.load(y))))
 *         f.increase(x, 16)
 *         f.increase(y, 16)
 *       })
 *     })
 */

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** Bytes, nested as they were composed. */
type Code = readonly (number | Code)[]

/** Something that leaves a value of type T on the stack. */
export interface Expr<T extends ValueType> {
  readonly type: T
  readonly code: Code
}

/** Something that leaves nothing. */
export interface Statement {
  readonly code: Code
}

/** A parameter or local variable. As an expression it is its value. */
export interface Local<T extends ValueType> extends Expr<T> {
  readonly index: number
}

/** Where a number is accepted it is a constant of the type wanted; in a vector it stands in every lane. */
export type Arg<T extends ValueType> = Expr<T> | number

const TYPE_BYTES: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

// ---- encoding

/** LEB128 of an unsigned whole number. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  do {
    const low = value & 0x7f
    value >>>= 7
    bytes.push(value ? low | 0x80 : low)
  } while (value)
  return bytes
}

/** LEB128 of a signed 32-bit whole number. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  for (;;) {
    const low = value & 0x7f
    value >>= 7
    if ((value === 0 && !(low & 0x40)) || (value === -1 && low & 0x40)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

const floatBytes = (value: number) => [...new Uint8Array(Float32Array.of(value).buffer)]
const intBytes = (value: number) => [...new Uint8Array(Int32Array.of(value).buffer)]
const doubleBytes = (value: number) => [...new Uint8Array(Float64Array.of(value).buffer)]

function text(name: string): number[] {
  const bytes = [...new TextEncoder().encode(name)]
  return [...unsigned(bytes.length), ...bytes]
}

function constantOf(type: ValueType, value: number): Code {
  switch (type) {
    case 'i32':
      return [0x41, ...signed(value | 0)]
    case 'i64':
      return [0x42, ...signed(value)]
    case 'f32':
      return [0x43, ...floatBytes(value)]
    case 'f64':
      return [0x44, ...doubleBytes(value)]
    case 'v128':
      return [0xfd, 12, ...Array.from({ length: 4 }, () => floatBytes(value)).flat()]
  }
}

const codeOf = (type: ValueType, arg: Arg<ValueType>): Code => (typeof arg === 'number' ? constantOf(type, arg) : arg.code)

// ---- instructions

const unary = <A extends ValueType, R extends ValueType>(from: A, to: R, ...op: number[]) => (x: Arg<A>): Expr<R> => ({ type: to, code: [codeOf(from, x), op] })
const binary = <A extends ValueType, R extends ValueType>(from: A, to: R, ...op: number[]) => (a: Arg<A>, b: Arg<A>): Expr<R> => ({ type: to, code: [codeOf(from, a), codeOf(from, b), op] })
const ternary = <A extends ValueType>(type: A, ...op: number[]) => (a: Arg<A>, b: Arg<A>, c: Arg<A>): Expr<A> => ({ type, code: [codeOf(type, a), codeOf(type, b), codeOf(type, c), op] })
const load = <T extends ValueType>(type: T, align: number, ...op: number[]) => (pointer: Arg<'i32'>, offset = 0): Expr<T> => ({ type, code: [codeOf('i32', pointer), op, align, unsigned(offset)] })
const store = <T extends ValueType>(type: T, align: number, ...op: number[]) => (pointer: Arg<'i32'>, value: Arg<T>, offset = 0): Statement => ({ code: [codeOf('i32', pointer), codeOf(type, value), op, align, unsigned(offset)] })

export const i32 = {
  add: binary('i32', 'i32', 0x6a), sub: binary('i32', 'i32', 0x6b), mul: binary('i32', 'i32', 0x6c),
  divU: binary('i32', 'i32', 0x6e), remU: binary('i32', 'i32', 0x70),
  and: binary('i32', 'i32', 0x71), or: binary('i32', 'i32', 0x72), shl: binary('i32', 'i32', 0x74), shrU: binary('i32', 'i32', 0x76),
  eqz: unary('i32', 'i32', 0x45), eq: binary('i32', 'i32', 0x46),
  ltS: binary('i32', 'i32', 0x48), ltU: binary('i32', 'i32', 0x49), gtS: binary('i32', 'i32', 0x4a), leS: binary('i32', 'i32', 0x4c), geS: binary('i32', 'i32', 0x4e),
  load: load('i32', 2, 0x28), store: store('i32', 2, 0x36),
  atomicLoad: load('i32', 2, 0xfe, 0x10), atomicStore: store('i32', 2, 0xfe, 0x17),
  truncSat: unary('f32', 'i32', 0xfc, 0),
  select: (a: Arg<'i32'>, b: Arg<'i32'>, condition: Arg<'i32'>): Expr<'i32'> => ({ type: 'i32', code: [codeOf('i32', a), codeOf('i32', b), codeOf('i32', condition), 0x1b] }),
}

export const f32 = {
  add: binary('f32', 'f32', 0x92),
  ne: binary('f32', 'i32', 0x5c), gt: binary('f32', 'i32', 0x5e),
  load: load('f32', 2, 0x2a), store: store('f32', 2, 0x38),
  fromI32: unary('i32', 'f32', 0xb2),
}

export const f64 = {
  store: store('f64', 3, 0x39),
  /** A float32 in double precision. */
  load32: (pointer: Arg<'i32'>, offset = 0): Expr<'f64'> => unary('f32', 'f64', 0xbb)(f32.load(pointer, offset)),
}

const simd = (op: number): number[] => [0xfd, ...unsigned(op)]

/** Sixteen bytes, whatever they hold. */
export const v128 = {
  load: load('v128', 2, ...simd(0)), store: store('v128', 2, ...simd(11)),
  /** One number into all four lanes. */
  loadSplat: load('v128', 2, ...simd(9)),
  /** One number into the first lane; 0 into the others. */
  load1: load('v128', 2, ...simd(92)),
  /** Two numbers into the first lanes; 0 into the others. */
  load2: load('v128', 2, ...simd(93)),
  /** Lane `lane` to memory; or two lanes, `pair` 0 or 1. */
  store1: (pointer: Arg<'i32'>, vector: Expr<'v128'>, lane: number, offset = 0): Statement => ({ code: [codeOf('i32', pointer), vector.code, simd(90), 2, unsigned(offset), lane] }),
  store2: (pointer: Arg<'i32'>, vector: Expr<'v128'>, pair: number, offset = 0): Statement => ({ code: [codeOf('i32', pointer), vector.code, simd(91), 2, unsigned(offset), pair] }),
  and: binary('v128', 'v128', ...simd(78)), andNot: binary('v128', 'v128', ...simd(79)), or: binary('v128', 'v128', ...simd(80)), xor: binary('v128', 'v128', ...simd(81)),
  not: unary('v128', 'v128', ...simd(77)),
  /** 1 if any bit is. */
  anyTrue: unary('v128', 'i32', ...simd(83)),
  /** Bits of a where the mask has ones, of b elsewhere. */
  select: (a: Arg<'v128'>, b: Arg<'v128'>, mask: Arg<'v128'>): Expr<'v128'> => ternary('v128', ...simd(82))(a, b, mask),
  /** Four lanes chosen from the eight of a and b. */
  shuffle: (a: Expr<'v128'>, b: Expr<'v128'>, lanes: readonly [number, number, number, number]): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, b.code, simd(13), lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3])],
  }),
}

/** Four float32. pmin and pmax keep the first operand unless the second is smaller or larger: a NaN in the first stays. */
export const f32x4 = {
  splat: unary('f32', 'v128', ...simd(19)),
  constants: (a: number, b: number, c: number, d: number): Expr<'v128'> => ({ type: 'v128', code: [0xfd, 12, [a, b, c, d].flatMap(floatBytes)] }),
  add: binary('v128', 'v128', ...simd(228)), sub: binary('v128', 'v128', ...simd(229)), mul: binary('v128', 'v128', ...simd(230)), div: binary('v128', 'v128', ...simd(231)),
  min: binary('v128', 'v128', ...simd(232)), max: binary('v128', 'v128', ...simd(233)), pmin: binary('v128', 'v128', ...simd(234)), pmax: binary('v128', 'v128', ...simd(235)),
  abs: unary('v128', 'v128', ...simd(224)), neg: unary('v128', 'v128', ...simd(225)), sqrt: unary('v128', 'v128', ...simd(227)),
  ceil: unary('v128', 'v128', ...simd(103)), floor: unary('v128', 'v128', ...simd(104)), nearest: unary('v128', 'v128', ...simd(106)),
  eq: binary('v128', 'v128', ...simd(65)), ne: binary('v128', 'v128', ...simd(66)), lt: binary('v128', 'v128', ...simd(67)), gt: binary('v128', 'v128', ...simd(68)), le: binary('v128', 'v128', ...simd(69)), ge: binary('v128', 'v128', ...simd(70)),
  fromI32x4: unary('v128', 'v128', ...simd(250)),
  /** a · b + c, rounded once or twice as the machine likes. */
  relaxedMadd: ternary('v128', ...simd(0x105)),
}

/** Two float64. promoteLow and demote turn the first two of four float32 into them and back. */
export const f64x2 = {
  splat: unary('f64', 'v128', ...simd(20)),
  add: binary('v128', 'v128', ...simd(240)), mul: binary('v128', 'v128', ...simd(242)),
  promoteLow: unary('v128', 'v128', ...simd(95)), demote: unary('v128', 'v128', ...simd(94)),
}

export const i32x4 = {
  splat: unary('i32', 'v128', ...simd(17)),
  constants: (a: number, b: number, c: number, d: number): Expr<'v128'> => ({ type: 'v128', code: [0xfd, 12, [a, b, c, d].flatMap(intBytes)] }),
  add: binary('v128', 'v128', ...simd(174)), sub: binary('v128', 'v128', ...simd(177)),
  shl: (vector: Arg<'v128'>, bits: Arg<'i32'>): Expr<'v128'> => ({ type: 'v128', code: [codeOf('v128', vector), codeOf('i32', bits), simd(171)] }),
  shrS: (vector: Arg<'v128'>, bits: Arg<'i32'>): Expr<'v128'> => ({ type: 'v128', code: [codeOf('v128', vector), codeOf('i32', bits), simd(172)] }),
  shrU: (vector: Arg<'v128'>, bits: Arg<'i32'>): Expr<'v128'> => ({ type: 'v128', code: [codeOf('v128', vector), codeOf('i32', bits), simd(173)] }),
  eq: binary('v128', 'v128', ...simd(55)), ltU: binary('v128', 'v128', ...simd(58)), gtS: binary('v128', 'v128', ...simd(59)),
}

// ---- functions and modules

type Params = Readonly<Record<string, ValueType>>
type LocalsOf<P extends Params> = { readonly [K in keyof P]: Local<P[K]> }

/** A finished function, which others may call. */
export interface WasmFunction {
  readonly index: number
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

const local = <T extends ValueType>(type: T, index: number): Local<T> => ({ type, index, code: [0x20, ...unsigned(index)] })

/** The body of a function under construction. */
export class FunctionBuilder {
  readonly #code: (number | Code)[] = []
  readonly #locals: ValueType[] = []
  readonly #paramCount: number
  #current: (number | Code)[] = this.#code

  constructor(paramCount: number) {
    this.#paramCount = paramCount
  }

  /** A new variable. It is 0 only when the function is entered, not when a loop comes round to it. */
  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type)
    return local(type, this.#paramCount + this.#locals.length - 1)
  }
  /** A new variable that holds the value of `expr`: what is used in a loop is computed before it. */
  let<T extends ValueType>(expr: Expr<T>): Local<T> {
    const variable = this.local(expr.type)
    this.set(variable, expr)
    return variable
  }
  do(...statements: Statement[]): void {
    for (const { code } of statements) this.#current.push(code)
  }
  set<T extends ValueType>(variable: Local<T>, value: Arg<T>): void {
    this.#current.push(codeOf(variable.type, value), 0x21, unsigned(variable.index))
  }
  increase(variable: Local<'i32'>, by: Arg<'i32'>): void {
    this.set(variable, i32.add(variable, by))
  }
  if(condition: Arg<'i32'>, then: () => void, otherwise?: () => void): void {
    this.#current.push(codeOf('i32', condition), 0x04, 0x40, this.#nested(then))
    if (otherwise) this.#current.push(0x05, this.#nested(otherwise))
    this.#current.push(0x0b)
  }
  /** Runs `body`, again as long as the condition holds after it. */
  doWhile(body: () => void, condition: () => Arg<'i32'>): void {
    this.#current.push(0x03, 0x40, this.#nested(() => {
      body()
      this.#current.push(codeOf('i32', condition()), 0x0d, 0)
    }), 0x0b)
  }
  /** Counts a variable (a new one by default) from `from` up to `to`, not including it. */
  for(to: Arg<'i32'>, { from = 0, step = 1, counter = this.local('i32') }: { readonly from?: Arg<'i32'>; readonly step?: Arg<'i32'>; readonly counter?: Local<'i32'> }, body: (counter: Local<'i32'>) => void): void {
    this.set(counter, from)
    this.if(i32.ltS(counter, to), () => this.doWhile(() => {
      body(counter)
      this.increase(counter, step)
    }, () => i32.ltS(counter, to)))
  }
  call(fn: WasmFunction, ...args: Arg<ValueType>[]): void {
    this.#current.push(args.map((arg, i) => codeOf(fn.params[i], arg)), 0x10, unsigned(fn.index))
  }
  return(value?: Expr<ValueType>): void {
    this.#current.push(value ? value.code : [], 0x0f)
  }
  /** Makes `value` the function's result. */
  result(value: Expr<ValueType>): void {
    this.#current.push(value.code)
  }
  #nested(build: () => void): Code {
    const outer = this.#current
    const inner: (number | Code)[] = []
    this.#current = inner
    build()
    this.#current = outer
    return inner
  }
  /** Declarations of the locals, then the code. */
  encode(): number[] {
    const bytes: number[] = [...unsigned(this.#locals.length), ...this.#locals.flatMap((type) => [1, TYPE_BYTES[type]])]
    flatten(this.#code, bytes)
    bytes.push(0x0b)
    return bytes
  }
}

function flatten(code: Code, into: number[]): void {
  for (const part of code)
    if (typeof part === 'number') into.push(part)
    else flatten(part, into)
}

/** A module that imports its memory as `env.memory` and exports all its functions. */
export class WasmModule {
  readonly #functions: { name: string; params: readonly ValueType[]; results: readonly ValueType[]; body: number[] }[] = []

  function<P extends Params>(name: string, params: P, results: readonly ValueType[], build: (f: FunctionBuilder, params: LocalsOf<P>) => void): WasmFunction {
    const names = Object.keys(params)
    const builder = new FunctionBuilder(names.length)
    const locals = Object.fromEntries(names.map((key, i) => [key, local(params[key], i)])) as LocalsOf<P>
    build(builder, locals)
    const entry = { name, params: Object.values(params), results, body: builder.encode() }
    this.#functions.push(entry)
    return { index: this.#functions.length - 1, params: entry.params, results }
  }

  /** The module's bytes. Memory sizes are in pages of 64 KiB. */
  encode(memory: { readonly initial: number; readonly maximum: number; readonly shared: boolean }): Uint8Array<ArrayBuffer> {
    const section = (id: number, ...entries: number[][]) => {
      const content = [...unsigned(entries.length), ...entries.flat()]
      return [id, ...unsigned(content.length), ...content]
    }
    const types = this.#functions.map(({ params, results }) => [0x60, ...unsigned(params.length), ...params.map((type) => TYPE_BYTES[type]), ...unsigned(results.length), ...results.map((type) => TYPE_BYTES[type])])
    const bodies = this.#functions.map(({ body }) => unsigned(body.length).concat(body))
    return Uint8Array.from([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, ...types),
      ...section(2, [...text('env'), ...text('memory'), 2, memory.shared ? 3 : 1, ...unsigned(memory.initial), ...unsigned(memory.maximum)]),
      ...section(3, ...this.#functions.map((_, i) => unsigned(i))),
      ...section(7, ...this.#functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)])),
      ...section(10, ...bodies),
    ])
  }
}
