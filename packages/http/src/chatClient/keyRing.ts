/**
 * The keys of one provider: the first that is not parked is used, and one that the provider refuses is parked for a
 * while. A key whose quota of one model is spent is parked for that model only.
 *
 * Always the first and not each in its turn, since what a provider has cached of a prompt belongs to an account. A key
 * that stands alone is parked by an operator only: there is nothing else to do than to ask whether it is good again.
 */
import { monotonicMillis, withoutStack } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ChatError from "../ChatError.ts"
import { keyParked } from "../chatError/fields.ts"
import type { Key, Keys } from "./keys.ts"

/** A key for one request, and how often it had been parked when it was taken: for all models, and for its model. */
export interface Lease {
  readonly key: Key
  readonly parks: number
  readonly modelParks: number
}

/** An error that parks a key. */
export type Refusal = Extract<ChatError.ChatError, { readonly _tag: "Unauthorized" | "QuotaExhausted" }>

/**
 * A key as it may be shown, for how long it is parked, and why.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface KeyState {
  /** The label of the key if it has one, else its place: `key 1`. Never the key itself. */
  readonly key: string
  /** How long it will not be used; infinite until it is unparked. */
  readonly parkedFor: Duration.Duration | undefined
  /** The error of the provider, or `Manual` where an operator has parked it. */
  readonly because: Refusal["_tag"] | "Manual" | undefined
  /** The models whose quota is spent with this key, where there are any, and for how long it is not used for them. */
  readonly models?: ReadonlyArray<{ readonly model: string; readonly parkedFor: Duration.Duration }> | undefined
}

export interface KeyRing {
  /**
   * The first key that is parked neither for all models nor for this one, and not among those that were tried. Times
   * are monotonic milliseconds.
   */
  readonly lend: (now: number, model: string, tried?: ReadonlyArray<Lease>) => Lease | undefined
  /** The first key that is not parked, or else the one that comes free first. */
  readonly nearest: (now: number) => Key
  /** Parks a key that was refused, if that is news. */
  readonly refuse: (lease: Lease, refusal: Refusal, now: number) => void
  /**
   * While all keys are parked for a model: the refusal that ends first, and the milliseconds until the time that the
   * provider named.
   */
  readonly parked: (now: number, model: string) => { readonly refusal: Refusal; readonly wait: number } | undefined
  readonly read: (now: number) => ReadonlyArray<KeyState>
  /**
   * Parks the key of a name by hand, for so many milliseconds from now, also where it stands alone. Whether there is such a
   * key.
   */
  readonly park: (name: string, millis: number, now: number) => boolean
  /** The key of a name is used again, whatever had parked it. Whether there is such a key. */
  readonly unpark: (name: string) => boolean
  /** The keys that are parked by hand, and for how many milliseconds from now. */
  readonly byHand: (now: number) => ReadonlyArray<readonly [key: Key, millis: number]>
  /** Parks the keys that another ring has parked by hand, whatever their names and places are here. */
  readonly parkAs: (other: KeyRing, now: number) => void
}

/** Whose keys they are, and how long they are parked, in milliseconds. */
export interface Options {
  readonly provider: string
  /** Where the provider names no time. */
  readonly parkFor: number
  /** The most, whatever the provider names. */
  readonly maxRetryAfter: number
}

/** Keys are parked for the time the provider names, or else for `parkFor`. */
export const make = (keys: Keys, { maxRetryAfter, parkFor, provider }: Options): KeyRing => {
  const entries = keys.map((key): Entry => ({ key, all: free(), models: new Map() }))
  const earliest = (now: number, parkOf: (entry: Entry) => Park) =>
    entries.reduce((best, entry) =>
      Math.max(parkOf(entry).until, now) < Math.max(parkOf(best).until, now) ? entry : best
    )
  /** The park of a key that counts for a model: the one that lasts longer. */
  const parkOf = (model: string) => ({ all, models }: Entry): Park => {
    const park = models.get(model)
    return park !== undefined && park.until > all.until ? park : all
  }

  const parkByHand = (park: Park, millis: number, now: number): void => {
    park.parks++
    park.until = park.told = now + millis
    park.refusal = parkedByHand(provider)
    park.because = "Manual"
  }

  const named = (name: string) => entries.find(({ key }) => key.secret !== undefined && key.name === name)

  return {
    lend: (now, model, tried = []) => {
      for (const { all, key, models } of entries) {
        const park = models.get(model)
        if (all.until > now || park !== undefined && park.until > now) continue
        if (wasTried(tried, key)) continue
        return { key, parks: all.parks, modelParks: park?.parks ?? 0 }
      }
      return undefined
    },
    nearest: (now) => earliest(now, ({ all }) => all).key,
    refuse: (lease, refusal, now) => {
      const entry = entries.find(({ key }) => key === lease.key)
      if (entry === undefined || entries.length === 1) return
      const ofModel = refusal._tag === "QuotaExhausted" && refusal.scope === "model"
      const park = ofModel ? entry.models.get(refusal.model) ?? free() : entry.all
      const wait = waitOf(refusal)
      // A request that left before the key was parked says nothing new, unless the provider names a time.
      if (wait === undefined && (ofModel ? lease.modelParks : lease.parks) !== park.parks) return
      const until = now + (wait === undefined ? parkFor : Math.min(wait, maxRetryAfter))
      if (until <= park.until) return
      park.parks++
      park.until = until
      park.told = now + (wait ?? parkFor)
      park.refusal = refusal
      park.because = refusal._tag
      if (ofModel) keep(entry.models, refusal.model, park)
    },
    parked: (now, model) => {
      const { refusal, told, until } = parkOf(model)(earliest(now, parkOf(model)))
      return refusal !== undefined && until > now ? { refusal, wait: Math.ceil(told - now) } : undefined
    },
    read: (now) =>
      entries.filter(({ key }) => key.secret !== undefined).map(({ all, key, models }) => {
        const parked = [...models].filter(([, { until }]) => until > now)
          .map(([model, { until }]) => ({ model, parkedFor: Duration.millis(Math.ceil(until - now)) }))
        return {
          key: key.name,
          parkedFor: all.until > now ? Duration.millis(Math.ceil(all.until - now)) : undefined,
          because: all.until > now ? all.because : undefined,
          ...parked.length > 0 && { models: parked }
        }
      }),
    park: (name, millis, now) => {
      const park = named(name)?.all
      if (park === undefined) return false
      parkByHand(park, millis, now)
      return true
    },
    unpark: (name) => {
      const entry = named(name)
      // What counts the parks stays: a request that left before is late with what it says of the key.
      for (const park of entry === undefined ? [] : [entry.all, ...entry.models.values()]) park.until = -Infinity
      return entry !== undefined
    },
    byHand: (now) =>
      entries.flatMap(({ all: { because, until }, key }) =>
        because === "Manual" && until > now ? [[key, until - now] as const] : []
      ),
    parkAs: (other, now) => {
      for (const [{ secret }, millis] of other.byHand(now)) {
        for (const { all, key } of entries) if (key.secret === secret) parkByHand(all, millis, now)
      }
    }
  }
}

/** What calls fail with while no other key is there. */
const parkedByHand = (provider: string): Refusal =>
  withoutStack(() =>
    new ChatError.Unauthorized({
      provider,
      model: "any model",
      code: keyParked,
      detail: "an operator of this application has parked the API key"
    })
  )

/** A key is parked until a time, by a refusal or by hand. */
interface Park {
  parks: number
  until: number
  /** Until when the provider said, which may be later. */
  told: number
  refusal: Refusal | undefined
  because: KeyState["because"]
}

const free = (): Park => ({ parks: 0, until: -Infinity, told: -Infinity, refusal: undefined, because: undefined })

interface Entry {
  readonly key: Key
  /** For all models. */
  readonly all: Park
  /** For one model each. */
  readonly models: Map<string, Park>
}

/** Names of models come from callers, so that there may be any number of them. */
const mostModels = 100

/** Keeps the park of a model; of too many, the one that was parked first is forgotten. */
const keep = (models: Map<string, Park>, model: string, park: Park): void => {
  models.delete(model)
  models.set(model, park)
  if (models.size > mostModels) models.delete(models.keys().next().value!)
}

// A loop: `some` would be given a function of its own in each call.
const wasTried = (tried: ReadonlyArray<Lease>, key: Key): boolean => {
  for (const lease of tried) if (lease.key === key) return true
  return false
}

/** Zero and infinity count as not given. */
const waitOf = ({ retryAfter }: Refusal): number | undefined => {
  const millis = retryAfter === undefined ? 0 : Duration.toMillis(retryAfter)
  return millis > 0 && millis < Infinity ? millis : undefined
}

/**
 * Asks with the first key that is not parked and, where the provider refuses a key, at once with the next one; with
 * each key once. Without another key the error is that of the key that comes free first, with the time until then.
 */
export const ask = <A, R>(
  ring: KeyRing,
  model: string,
  clock: Clock.Clock,
  send: (lease: Lease) => Effect.Effect<A, ChatError.ChatError, R>
): Effect.Effect<A, ChatError.ChatError, R> => {
  const askBeside = (
    tried: ReadonlyArray<Lease>,
    last?: ChatError.ChatError
  ): Effect.Effect<A, ChatError.ChatError, R> => {
    const lease = keyAfter(ring, model, monotonicMillis(clock), tried, last)
    if ("_tag" in lease) return Effect.fail(lease)
    return Effect.catch(send(lease), (error) => {
      if (!isRefusal(error)) return Effect.fail(error)
      ring.refuse(lease, error, monotonicMillis(clock))
      return askBeside([...tried, lease], error)
    })
  }
  return askBeside([])
}

/** The key to ask with after those that were tried, or the error where there is none. `last` is that of the last try. */
export const keyAfter = (
  ring: KeyRing,
  model: string,
  now: number,
  tried: ReadonlyArray<Lease>,
  last: ChatError.ChatError | undefined
): Lease | ChatError.ChatError => {
  const lease = ring.lend(now, model, tried)
  if (lease !== undefined) return lease
  const parked = ring.parked(now, model)
  // What cannot be lent before anything was tried is parked.
  return parked === undefined ? last! : again(parked.refusal, model, parked.wait)
}

/** Parks the key of a lease if the error says that it is of no use. */
export const note = (ring: KeyRing, lease: Lease, error: ChatError.ChatError, now: number): void => {
  if (isRefusal(error)) ring.refuse(lease, error, now)
}

/** The time as a ring takes it. */
export const now: Effect.Effect<number> = Effect.map(Clock.Clock, monotonicMillis)

export const isRefusal = (error: ChatError.ChatError): error is Refusal => ChatError.parksKey(error)

/** What was said of a key when it was parked, said again of another call. */
const again = (refusal: Refusal, model: string, wait: number): Refusal => {
  const { code, detail, isRetryable, provider, requestId, status, type } = refusal
  const fields = { provider, model, status, requestId, code, type, detail, isRetryable }
  const retryAfter = wait < Infinity ? Duration.millis(wait) : undefined
  return withoutStack(() =>
    refusal._tag === "Unauthorized"
      ? new ChatError.Unauthorized({ ...fields, retryAfter })
      : new ChatError.QuotaExhausted({ ...fields, retryAfter, scope: refusal.scope })
  )
}
