/** The class form of a guard: a service key, a `layer` that makes the guard, and a `protect` that requires it. */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype, passOn } from "./guard.ts"
import type { OptionsCodec } from "../config/optionsCodec.ts"

/** A guard: it wraps an effect and may reject it with `Rejection`. */
export interface Guard<Rejection> {
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/** The layers of a class that is a service key: they make the service from its options. */
export interface LayerClass<in out Self, in Options> {
  /** Makes the guard once for everything that the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests or a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self>
  /**
   * Like `layer`, with the options under a path of the configuration: `["model", "bulkhead"]` is `model.bulkhead` in a
   * file and `MODEL_BULKHEAD_…` in the environment. Options that are missing there are taken from the code.
   */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, Config.ConfigError>
}

/** What a class that extends the `Service` of a guard has, besides a service key. */
export interface GuardClass<in out Self, out Rejection, in Options> extends LayerClass<Self, Options> {
  /** Wraps an effect with the guard, which becomes a requirement of the effect. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R | Self>
}

/** The service key of a guard. It contains the kind, so that a circuit and a bulkhead with one id are two services. */
export type KeyOf<Kind extends string, Id extends string> = `@switchgear/core/${Kind}/${Id}`

export const keyOf = <const Kind extends string, const Id extends string>(kind: Kind, id: Id): KeyOf<Kind, Id> =>
  `@switchgear/core/${kind}/${id}`

/** The service key and its layers; what asks for the service is added by the caller. */
export const layerClass = <Self, const Key extends string, Shape, Options>(
  id: Key,
  options: Options,
  make: (options: Options) => Effect.Effect<Shape>,
  { config }: Pick<OptionsCodec<Options, unknown>, "config">
): Context.ServiceClass<Self, Key, Shape> & LayerClass<Self, Options> => {
  const key = Context.Service<Self, Shape>()(id)
  return Object.assign(key, {
    layer: Layer.effect(key, make(options)),
    layerWith: (replaced: Partial<Options>) => Layer.effect(key, make({ ...options, ...replaced })),
    layerConfig: (path: string | ConfigProvider.Path) => Layer.effect(key, Effect.flatMap(config(path, options), make))
  })
}

export const guardClass = <Self, const Key extends string, Shape extends Guard<Rejection>, Rejection, Options>(
  id: Key,
  options: Options,
  make: (options: Options) => Effect.Effect<Shape>,
  codec: Pick<OptionsCodec<Options, unknown>, "config">
): Context.ServiceClass<Self, Key, Shape> & GuardClass<Self, Rejection, Options> => {
  const key = layerClass<Self, Key, Shape, Options>(id, options, make, codec)
  return Object.assign(key, { protect: protectBy<Self, Shape, Rejection>(key, ({ protect }) => protect) })
}

/** Wraps an effect with a guard that is looked up among the services each time the effect is run. */
export const protectBy =
  <Self, Shape, Rejection>(key: Context.Key<Self, Shape>, protectOf: (service: Shape) => Guard<Rejection>["protect"]) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R | Self> =>
    new LookedUp(key, protectOf, self) as unknown as Effect.Effect<A, E | Rejection, R | Self>

// Not `Effect.flatMap`: the guard around it would take that for work that has begun.
interface LookedUp extends AnyEffect {
  readonly key: Context.Key<any, any>
  readonly protectOf: (service: any) => Guard<any>["protect"]
  readonly self: AnyEffect
}

const runLookedUp = ({ key, protectOf, self }: LookedUp, fiber: AnyFiber, outer: Admission | undefined): AnyEffect =>
  passOn(outer, protectOf(Context.getUnsafe(fiber.context, key))(self), fiber)

const LookedUpProto = insidePrototype<LookedUp>("Switchgear.service", runLookedUp, function(fiber) {
  return runLookedUp(this, fiber, undefined)
})

const LookedUp = function(
  this: { key: LookedUp["key"]; protectOf: LookedUp["protectOf"]; self: AnyEffect },
  key: LookedUp["key"],
  protectOf: LookedUp["protectOf"],
  self: AnyEffect
) {
  this.key = key
  this.protectOf = protectOf
  this.self = self
} as unknown as new(key: LookedUp["key"], protectOf: LookedUp["protectOf"], self: AnyEffect) => LookedUp
LookedUp.prototype = LookedUpProto
