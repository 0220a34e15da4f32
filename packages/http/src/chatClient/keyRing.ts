/**
 * The keys of one provider: the first that is not parked is used, and one that the provider refuses is parked for a
 * while.
 *
 * Always the first and not each in its turn, since what a provider has cached of a prompt belongs to an account. A key
 * that stands alone is never parked: there is nothing else to do than to ask whether it is good again.
 */
import { monotonicMillis, withoutStack } from "@switchgear/core/runtime"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ChatError from "../ChatError.ts"

export interface Key {
  /** What the key may be called in public. */
  readonly name: string
  readonly secret: string | undefined
}

/** At least one, which has no secret where none is needed. */
export type Keys = readonly [Key, ...ReadonlyArray<Key>]

/** The keys of a client. Throws a `RangeError` that shows none of them when they make no sense. */
export const keysOf = (given: Redacted.Redacted | ReadonlyArray<Redacted.Redacted> | undefined): Keys => {
  if (given === undefined) return [{ name: "", secret: undefined }]
  const list = Array.isArray(given) ? given : [given]
  const keys = list.map((each: Redacted.Redacted, i): Key => {
    const secret = Redacted.value(each)
    const field = list.length === 1 ? "apiKey" : `apiKey[${i}]`
    if (!/^[\x21-\x7e]+$/.test(secret)) {
      throw new RangeError(
        `ChatClient.make: ${field} must be printable ASCII without spaces or line breaks, got ${secret.length} characters that are not (not shown)`
      )
    }
    const first = list.findIndex((other) => Redacted.value(other) === secret)
    if (first !== i) {
      throw new RangeError(
        `ChatClient.make: ${field} must be another key than apiKey[${first}], got it again (not shown)`
      )
    }
    return { name: each.label ?? `key ${i + 1}`, secret }
  })
  if (!Arr.isReadonlyArrayNonEmpty(keys)) {
    throw new RangeError("ChatClient.make: apiKey must be a key or a list of at least one, got an empty list")
  }
  return keys
}

/** A key for one request, and how often it had been parked when it was taken. */
export interface Lease {
  readonly key: Key
  readonly parks: number
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
  /** How long it will not be used. */
  readonly parkedFor: Duration.Duration | undefined
  readonly because: Refusal["_tag"] | undefined
}

export interface KeyRing {
  /** The first key that is neither parked nor among those that were tried. Times are monotonic milliseconds. */
  readonly lend: (now: number, tried?: ReadonlyArray<Lease>) => Lease | undefined
  /** The first key that is not parked, or else the one that comes free first. */
  readonly nearest: (now: number) => Key
  /** Parks a key that was refused, if that is news. */
  readonly refuse: (lease: Lease, refusal: Refusal, now: number) => void
  /** While all keys are parked: the refusal that ends first, and the milliseconds until then. */
  readonly parked: (now: number) => { readonly refusal: Refusal; readonly wait: number } | undefined
  readonly read: (now: number) => ReadonlyArray<KeyState>
}

/** Keys are parked for the time the provider names, or else for `parkFor` milliseconds. */
export const make = (keys: Keys, parkFor: number): KeyRing => {
  const entries = keys.map((key): Entry => ({ key, parks: 0, until: -Infinity, refusal: undefined }))
  const nearest = (now: number) =>
    entries.reduce((best, entry) => Math.max(entry.until, now) < Math.max(best.until, now) ? entry : best)

  return {
    lend: (now, tried = []) => {
      const entry = entries.find(({ key, until }) => until <= now && !tried.some((lease) => lease.key === key))
      return entry && { key: entry.key, parks: entry.parks }
    },
    nearest: (now) => nearest(now).key,
    refuse: (lease, refusal, now) => {
      const entry = entries.find(({ key }) => key === lease.key)
      if (entry === undefined || entries.length === 1) return
      const named = waitOf(refusal)
      // A request that left before the key was parked says nothing new, unless the provider names a time.
      if (named === undefined && lease.parks !== entry.parks) return
      const until = now + (named ?? parkFor)
      if (until <= entry.until) return
      entry.parks++
      entry.until = until
      entry.refusal = refusal
    },
    parked: (now) => {
      const { refusal, until } = nearest(now)
      return refusal !== undefined && until > now ? { refusal, wait: Math.ceil(until - now) } : undefined
    },
    read: (now) =>
      entries.filter(({ key }) => key.secret !== undefined).map(({ key, refusal, until }) => ({
        key: key.name,
        parkedFor: until > now ? Duration.millis(Math.ceil(until - now)) : undefined,
        because: until > now ? refusal?._tag : undefined
      }))
  }
}

interface Entry {
  readonly key: Key
  parks: number
  until: number
  refusal: Refusal | undefined
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
  send: (lease: Lease) => Effect.Effect<A, ChatError.ChatError, R>
): Effect.Effect<A, ChatError.ChatError, R> => {
  const askBeside = (
    tried: ReadonlyArray<Lease>,
    last?: ChatError.ChatError
  ): Effect.Effect<A, ChatError.ChatError, R> =>
    Effect.flatMap(now, (at) => {
      const lease = ring.lend(at, tried)
      if (lease === undefined) {
        const parked = ring.parked(at)
        // What cannot be lent before anything was tried is parked.
        return Effect.fail(parked === undefined ? last! : again(parked.refusal, model, parked.wait))
      }
      return Effect.catch(send(lease), (error) =>
        isRefusal(error)
          ? Effect.andThen(note(ring, lease, error), askBeside([...tried, lease], error))
          : Effect.fail(error))
    })
  return askBeside([])
}

/** Parks the key of a lease if the error says that it is of no use. */
export const note = (ring: KeyRing, lease: Lease, error: ChatError.ChatError): Effect.Effect<void> =>
  isRefusal(error) ? Effect.map(now, (now) => ring.refuse(lease, error, now)) : Effect.void

/** The time as a ring takes it. */
export const now: Effect.Effect<number> = Effect.map(Clock.Clock, monotonicMillis)

const isRefusal = (error: ChatError.ChatError): error is Refusal => ChatError.parksKey(error)

/** What was said of a key when it was parked, said again of another call. */
const again = (
  { _tag, code, detail, isRetryable, provider, requestId, status, type }: Refusal,
  model: string,
  wait: number
): Refusal => {
  const fields = { provider, model, status, requestId, code, type, detail, isRetryable }
  const retryAfter = Duration.millis(wait)
  return withoutStack(() =>
    _tag === "Unauthorized"
      ? new ChatError.Unauthorized({ ...fields, retryAfter })
      : new ChatError.QuotaExhausted({ ...fields, retryAfter })
  )
}
