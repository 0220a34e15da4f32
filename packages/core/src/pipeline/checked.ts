/** What the type of a pipeline's parts refuses, in words where a compiler can print them. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Guard } from "../guard/model.ts"
import type * as Retry from "../Retry.ts"
import type { partNames, placeNames } from "./checkParts.ts"
import type { Added, AddedInside, Present, Timed } from "./added.ts"
import type { Timeout } from "../deadline/timeoutModel.ts"
import type { Further, Guards, Parts } from "./model.ts"

/**
 * What may be given as {@link Parts}. {@link Checked} refuses what is wrong with it, since a constraint could not say why.
 *
 * @since 0.1.0
 * @category models
 */
export type Given = { readonly [Part in keyof Parts]: unknown }

/** The compiler prints it where an effect is given for the part that it makes. No value has this type. */
type ForgottenYield = "This is an Effect that makes the part: write yield* before it"

/** The compiler prints `Why` where something is refused. No value has this type. */
interface Refusal<Why extends string> {
  readonly "~@switchgear/core/Pipeline/refusal": Why
}

type Listed<Names> = Names extends readonly [infer First extends string, ...infer Rest]
  ? Rest extends readonly [] ? First : `${First}, ${Listed<Rest>}`
  : never

type NoSuchPart = `There is no part of this name. There are: ${Listed<typeof partNames>}`

type NoSuchPlace = `There is no place of this name. There are: ${Listed<typeof placeNames>}`

/** Refuses fields by name. Of a record of any names nobody knows which there are. */
type Refused<Names, Why extends string> = [Names] extends [never] ? unknown
  : { readonly [Name in Names & PropertyKey]: string extends Names ? unknown : Refusal<Why> }

/** What has to be there instead of a part: `unknown` if the part is right. */
type Instead<Part, Right> = [Part] extends [Right] ? unknown
  : [Exclude<Part, undefined>] extends [Effect.Effect<any, any, any>] ? ForgottenYield
  : Right

type InsteadOfFurther<G> = [G] extends [ReadonlyArray<unknown>]
  ? { readonly [I in keyof G]: Instead<G[I], Guard<unknown>> }
  : Instead<G, Further | undefined>

type InsteadOfGuards<G> = G extends Effect.Effect<any, any, any> ? ForgottenYield
  : G extends Further ? NoPlace
  : G extends object ?
      & Refused<Exclude<keyof G, keyof Guards>, NoSuchPlace>
      & { readonly [Place in keyof G & keyof Guards]?: InsteadOfFurther<G[Place]> }
  : NoPlace

type NoPlace = Refusal<"Further guards are given by their place, as in { innermost: guard }">

// A duration may be an object with no field, so that within an intersection anything could stand for one.
type InsteadOfTime<Time> = [Time] extends [Duration.Input | undefined] ? unknown
  : Refusal<"A duration is a text such as '30 seconds' or a number of milliseconds">

// A time-out of an attempt may also be a named one.
type InsteadOfTimeout<Time> = [Time] extends [Duration.Input | Timeout | undefined] ? unknown
  : [Exclude<Time, undefined>] extends [Effect.Effect<any, any, any>] ? ForgottenYield
  : InsteadOfTime<Time>

type InsteadOfParts<P> = [P, UnknownPlaces<P>] extends [Parts, never] ? unknown
  : [keyof Parts, Given] extends [keyof P, P] ? Parts
  : {
    readonly [Part in keyof P & keyof Parts]?: Part extends "guards" ? InsteadOfGuards<P[Part]>
      : Part extends "deadline" ? InsteadOfTime<P[Part]>
      : Part extends "attemptTimeout" ? InsteadOfTimeout<P[Part]>
      : Instead<P[Part], Parts[Part]>
  }

type KeysOf<P> = P extends unknown ? keyof P : never

type UnknownPlaces<P> = Exclude<KeysOf<Present<P, "guards">>, keyof Guards>

/**
 * Refuses what cannot work: a part that does not exist, which is most likely misspelt, one that still has to be made, and a
 * retry for other errors than those that the parts inside of it add. `Any` is for parts that are one thing or the other.
 *
 * @since 0.1.0
 * @category models
 */
export type Checked<P, Any = P> = P extends unknown ?
    & Refused<Exclude<KeysOf<Any>, keyof Parts>, NoSuchPart>
    & InsteadOfParts<P>
    & {
      readonly retry?:
        | Retry.Retry<
          Timed<P> | Added<P, "rateLimiter"> | Added<P, "bulkhead"> | Added<P, "breaker"> | AddedInside<P>
        >
        | undefined
    }
  : never
