/** Random scripts of faults, for `World.check`. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { OptionsOf } from "../../internal/config/checks.ts"
import type * as Duration from "effect/Duration"
import { present } from "../words.ts"
import type { Script } from "./model.ts"
import { skewOf } from "./rules.ts"
import { simpler } from "./simplerScript.ts"

/**
 * The faults that may happen. Everything has a default.
 *
 * @since 0.1.0
 * @category options
 */
export interface FaultOptions {
  /** The nodes that faults happen to. @default all */
  readonly nodes?: ReadonlyArray<string> | undefined
  /** The kinds of faults. @default all that can happen to these nodes */
  readonly kinds?: ReadonlyArray<FaultKind> | undefined
  /** The largest number of faults in a script. @default 10 */
  readonly atMost?: number | undefined
  /** The time in which faults begin, from the start of the world. @default all of it */
  readonly within?: Duration.Input | undefined
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

/** Random nights of a world with these nodes that runs for `whole` milliseconds. */
export const nights = (
  of: OptionsOf,
  names: ReadonlyArray<string>,
  whole: number,
  options: FaultOptions
): Arbitrary.Arbitrary<Night> => {
  of.known(options, ["nodes", "kinds", "atMost", "within", "lasting", "offsets", "drifts"])
  const lists = listsOf(of, names, options)
  const within = options.within === undefined ? whole : of.positive("within", options.within)
  // Round times: several faults at one time are frequent, and a script is short to read.
  const grain = 100 * Math.ceil(within / 100_000)
  const times = Array.from({ length: Math.ceil(within / grain) }, (_, i) => i * grain)
  const kinds = schemasOf(lists, Schema.Literals(times), Schema.Literals(names))
  const script = Schema.Array(Schema.Union(lists.kinds.map((kind) => kinds[kind])))
    .check(atLeastOne, Schema.isMaxLength(of.integer("atMost", options.atMost ?? 10, 1)))
  const seed = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))
  const night = Schema.Struct({ seed, script }) as unknown as Schema.Schema<Night>
  return Arbitrary.schema(night, {
    shrink: ({ script, seed }) => simpler({ ...lists, at: times }, script).map((script) => ({ seed, script }))
  })
}

// Applies to generated scripts only: a counterexample may need no fault at all.
const atLeastOne = Schema.makeFilter(() => true, { arbitraryConstraint: { minLength: 1 } })

const schemasOf = (lists: Lists, at: Schema.Schema<number>, other: Schema.Schema<string>) => {
  const node = Schema.Literals(lists.nodes)
  const maybe = <A>(schema: Schema.Schema<A>) => Schema.optionalKey(schema)
  const ends = { for: Schema.Literals(lists.for) }
  const link = { at, degrade: node, ...ends, to: maybe(other) }
  return {
    crash: Schema.Struct({ at, crash: node, ...ends }),
    pause: Schema.Struct({ at, pause: node, ...ends }),
    partition: Schema.Struct({
      at,
      partition: node,
      ...ends,
      from: maybe(other),
      direction: maybe(Schema.Literals(["outgoing", "incoming"])),
      inFlight: maybe(Schema.Literals(["delivered"]))
    }),
    skew: Schema.Struct({
      at,
      skew: node,
      offset: Schema.Literals(lists.offset),
      drift: maybe(Schema.Literals(lists.drift))
    }),
    // One change each: together they hide each other, because a lost message is never late.
    degrade: Schema.Union([
      Schema.Struct({ ...link, latency: Schema.Literals(lists.latency) }),
      Schema.Struct({ ...link, requestLoss: Schema.Literals(lists.requestLoss) }),
      Schema.Struct({ ...link, replyLoss: Schema.Literals(lists.replyLoss) }),
      Schema.Struct({ ...link, duplicates: Schema.Literals(lists.duplicates) })
    ])
  }
}

const allKinds: ReadonlyArray<FaultKind> = ["crash", "pause", "partition", "skew", "degrade"]

/** Those that can happen to a node without others. */
const kindsAlone: ReadonlyArray<FaultKind> = ["crash", "pause", "skew"]

type Lists = ReturnType<typeof listsOf>

/** The values to choose from, the simplest first. */
const listsOf = (of: OptionsOf, names: ReadonlyArray<string>, options: FaultOptions) => {
  const some = <A>(field: string, values: ReadonlyArray<A>): ReadonlyArray<A> =>
    values.length > 0 ? values : of.refuse(field, "a list of at least one", values)
  const { drifts = [0, 0.01, -0.01], kinds = names.length === 1 ? kindsAlone : allKinds, nodes = names } = options
  const { lasting = [1000, 100, 5000, 20_000], offsets = [1000, -1000, 60_000, -60_000] } = options
  for (const node of nodes) {
    if (!names.includes(node)) of.refuse("nodes", `nodes: ${present(names)}`, node)
  }
  const rates = [1, 0.5]
  return {
    nodes: some("nodes", nodes),
    kinds: some("kinds", kinds).map((kind) => of.oneOf("kinds", kind, allKinds)),
    for: some("lasting", lasting).map((duration) => of.positive("lasting", duration)),
    offset: some("offsets", offsets).map((offset) => skewOf(of, { offset }).offset),
    drift: some("drifts", drifts).map((drift) => skewOf(of, { drift }).drift!),
    latency: [1000, 10_000],
    requestLoss: rates,
    replyLoss: rates,
    duplicates: rates
  }
}
