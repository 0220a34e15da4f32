/** Random scripts of faults for `World.check`, and simpler versions of one that fails. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { OptionsOf } from "../../internal/config/checks.ts"
import * as Duration from "effect/Duration"
import { present } from "../words.ts"
import type { Script, TimedFault } from "./model.ts"

/**
 * The faults that may happen. Everything has a default.
 *
 * @since 0.1.0
 * @category options
 */
export interface FaultOptions {
  /** The nodes that faults happen to. @default all */
  readonly nodes?: ReadonlyArray<string> | undefined
  /** The kinds of faults. @default all of them */
  readonly kinds?: ReadonlyArray<FaultKind> | undefined
  /** The number of faults of a script. @default 5 */
  readonly atMost?: number | undefined
  /** How long a fault lasts, the simplest first. @default 1 s, 100 ms, 5 s, 20 s */
  readonly lasting?: ReadonlyArray<Duration.Input> | undefined
  /** Jumps of wall clocks, the simplest first. @default 1 s, -1 s, 1 min, -1 min */
  readonly offsets?: ReadonlyArray<Duration.Input> | undefined
  /** Drifts of clocks, the simplest first. @default 0, 0.01, -0.01 */
  readonly drifts?: ReadonlyArray<number> | undefined
}

/**
 * The kinds of faults that random scripts are made of.
 *
 * @since 0.1.0
 * @category models
 */
export type FaultKind = "crash" | "pause" | "partition" | "skew" | "degrade"

/** A world of one seed, and what happens to it. */
export interface Night {
  readonly seed: number
  readonly script: Script
}

export const nights = (
  of: OptionsOf,
  names: ReadonlyArray<string>,
  within: number,
  options: FaultOptions
): Arbitrary.Arbitrary<Night> => {
  const { atMost = 5, drifts = [0, 0.01, -0.01], kinds = allKinds, nodes = names } = options
  const millis = (field: string, given: ReadonlyArray<Duration.Input>) =>
    some(field, given).map((one) => Duration.toMillis(Duration.fromInputUnsafe(one)))
  const some = <A>(field: string, values: ReadonlyArray<A>): ReadonlyArray<A> =>
    values.length > 0 ? values : of.refuse(field, "a list of at least one", values)
  const lasting = millis("lasting", options.lasting ?? [1000, 100, 5000, 20_000])
  for (const one of lasting) of.positive("lasting", one)
  for (const node of some("nodes", nodes)) {
    if (!names.includes(node)) of.refuse("nodes", `nodes: ${present(names)}`, node)
  }
  for (const kind of some("kinds", kinds)) of.oneOf("kinds", kind, allKinds)
  const node = Schema.Literals(nodes)
  const common = {
    // Rounded to tenths of a second: events of one time are frequent, and a script is short to read.
    at: Schema.Literals(Array.from({ length: Math.max(1, Math.ceil(within / 100)) }, (_, i) => i * 100))
  }
  const for_ = { for: Schema.Literals(lasting) }
  const schemas = {
    crash: Schema.Struct({ ...common, crash: node, ...for_ }),
    pause: Schema.Struct({ ...common, pause: node, ...for_ }),
    partition: Schema.Struct({
      ...common,
      partition: node,
      direction: Schema.optionalKey(Schema.Literals(["outgoing", "incoming"])),
      inFlight: Schema.optionalKey(Schema.Literals(["delivered"])),
      ...for_
    }),
    skew: Schema.Struct({
      ...common,
      skew: node,
      offset: Schema.Literals(millis("offsets", options.offsets ?? [1000, -1000, 60_000, -60_000])),
      drift: Schema.optionalKey(Schema.Literals(some("drifts", drifts)))
    }),
    degrade: Schema.Struct({
      ...common,
      degrade: node,
      latency: Schema.optionalKey(Schema.Literals([1000, 10_000])),
      requestLoss: Schema.optionalKey(Schema.Literals([1, 0.5])),
      replyLoss: Schema.optionalKey(Schema.Literals([1, 0.5])),
      duplicates: Schema.optionalKey(Schema.Literals([1, 0.5])),
      ...for_
    })
  }
  const fault: Schema.Schema<TimedFault> = Schema.Union(kinds.map((kind) => schemas[kind])) as never
  const script = Schema.Array(fault).check(Schema.isMaxLength(of.integer("atMost", atMost, 1)))
  const night = Schema.Struct({
    seed: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
    script
  })
  const lists: Record<string, ReadonlyArray<unknown>> = { for: lasting }
  return Arbitrary.schema(night as unknown as Schema.Schema<Night>, {
    shrink: ({ script, seed }) => simpler(lists, script).map((script) => ({ seed, script }))
  })
}

const allKinds: ReadonlyArray<FaultKind> = ["crash", "pause", "partition", "skew", "degrade"]

const simpler = (lists: Record<string, ReadonlyArray<unknown>>, script: Script): ReadonlyArray<Script> => [
  ...script.length > 2 ? [script.slice(script.length >> 1), script.slice(0, script.length >> 1)] : [],
  ...script.map((_, i) => script.toSpliced(i, 1)),
  ...script.flatMap((fault, i) => simplerFaults(lists, fault).map((other) => script.with(i, other)))
]

/** Without a field that it can do without, with a simpler value, at a rounder time. */
const simplerFaults = (lists: Record<string, ReadonlyArray<unknown>>, fault: TimedFault): ReadonlyArray<TimedFault> => {
  const fields = Object.entries(fault)
  const without = fields.filter(([field]) => optional.includes(field)).map(([field]) =>
    Object.fromEntries(fields.filter(([other]) => other !== field))
  )
  const simplerValues = fields.flatMap(([field, value]) => {
    const list = lists[field] ?? []
    return list.slice(0, Math.max(0, list.indexOf(value))).map((other) => ({ ...fault, [field]: other }))
  })
  const at = fault.at as number
  const rounder = [10_000, 1000].map((grain) => Math.floor(at / grain) * grain).filter((time) => time < at)
  return [...without, ...simplerValues, ...rounder.map((at) => ({ ...fault, at }))] as ReadonlyArray<TimedFault>
}

const optional = ["direction", "inFlight", "drift", "latency", "requestLoss", "replyLoss", "duplicates"]
