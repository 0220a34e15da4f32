/** What a simulated service can do at once, as it is written and as it is applied. */
import type { OptionsOf } from "../../internal/config/checks.ts"

/**
 * What a service can do at once, and what becomes of calls above that.
 *
 * @since 0.1.0
 * @category options
 */
export interface Capacity {
  /** The number of calls that are worked on at full speed. */
  readonly concurrency: number
  /**
   * What happens to calls above it. With `"queue"`, they wait for a slot, first come, first served. With `"slows"`, all
   * calls are worked on at once and share the capacity evenly at every moment (processor sharing): with twice as many
   * calls as `concurrency`, each is half as fast. With `"refuses"`, they are refused at once.
   */
  readonly above: "queue" | "slows" | "refuses"
  /**
   * What happens to the work of a caller who has left. With `"stops"`, it ends at once and frees its capacity. With
   * `"goes on"`, it takes its turn and its capacity as if the caller were there: the service does not notice that its
   * client has closed the connection. @default "stops"
   */
  readonly abandoned?: "stops" | "goes on" | undefined
  /**
   * With `above: "slows"`, the most calls that are worked on at once, at least `concurrency`; calls above that wait. A
   * server that batches is `{ concurrency: 40, above: "slows", slots: 80, waiting: 160 }`. @default no limit
   */
  readonly slots?: number | undefined
  /** The most calls that wait for a slot. Calls above that are refused. @default no limit */
  readonly waiting?: number | undefined
  /**
   * How fast the work is done, also work that has begun: 0.5 is half as fast. With 0 it stands still, as that of a service
   * that hangs; calls still come in, wait and are refused. @default 1
   */
  readonly speed?: number | undefined
}

/** A capacity, ready to be applied. */
export interface Limits {
  /** The calls that can have a slot at once. */
  readonly slots: number
  /** The work that is done at full speed at once; more work is slower. */
  readonly fullSpeed: number
  /** The calls that can wait for a slot. */
  readonly waiting: number
  readonly speed: number
  readonly goesOn: boolean
}

/** Rejects a capacity that makes no sense, by the field. Without a capacity, there are no limits. */
export const limitsOf = (check: OptionsOf, field: string, capacity: Capacity | undefined): Limits => {
  if (check.options(field, capacity) === undefined) return unlimited
  const { above, abandoned = "stops", concurrency, slots, speed = 1, waiting } = capacity!
  const place = check.within(field)
  const unknown = Object.keys(capacity!).find((name) => !fields.includes(name))
  if (unknown !== undefined) check.refuse(field, `{ ${fields.join(", ")} }`, capacity)
  place.integer("concurrency", concurrency, 1)
  place.oneOf("above", above, ["queue", "slows", "refuses"])
  place.oneOf("abandoned", abandoned, ["stops", "goes on"])
  if (slots !== undefined) {
    place.integer("slots", slots, concurrency)
    if (above !== "slows") place.refuse("slots", "left out unless above is \"slows\"", slots)
  }
  if (waiting !== undefined) {
    place.integer("waiting", waiting, 0)
    if (above === "refuses" || (above === "slows" && slots === undefined)) {
      place.refuse("waiting", "left out where no call waits", waiting)
    }
  }
  place.amount("speed", speed)
  return {
    slots: above === "slows" ? slots ?? Infinity : concurrency,
    fullSpeed: above === "slows" ? concurrency : Infinity,
    waiting: above === "refuses" ? 0 : waiting ?? Infinity,
    speed,
    goesOn: abandoned === "goes on"
  }
}

export const unlimited: Limits = { slots: Infinity, fullSpeed: Infinity, waiting: Infinity, speed: 1, goesOn: false }

const fields = ["concurrency", "above", "abandoned", "slots", "waiting", "speed"]
