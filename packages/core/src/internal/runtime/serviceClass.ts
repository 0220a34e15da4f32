/** The class form of a guard: a service key with the `layer` that makes it and the `protect` that asks for it. */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype, passOn } from "./guard.ts"
import type { OptionsCodec } from "../config/optionsCodec.ts"

/** A guard: something that stands around an effect and may refuse it with `Rejection`. */
export interface Guard<Rejection> {
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/** What extending the `Service` of a guard gives, on top of a service key. */
export interface GuardClass<in out Self, out Rejection, in Options> {
  /** Makes the guard once for everything the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests and for a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self>
  /**
   * Like `layer`, with the options that are found under a path of the configuration: `["model", "bulkhead"]` is
   * `model.bulkhead` in a file and `MODEL_BULKHEAD_…` in the environment. What is not found there is as in the code.
   */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, Config.ConfigError>
  /** Stands around an effect; the guard becomes one of the services it needs. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R | Self>
}

/** The key of a guard's service: its kind is part of it, so that a circuit and a bulkhead of one id are two services. */
export type KeyOf<Kind extends string, Id extends string> = `@switchgear/core/${Kind}/${Id}`

export const keyOf = <const Kind extends string, const Id extends string>(kind: Kind, id: Id): KeyOf<Kind, Id> =>
  `@switchgear/core/${kind}/${id}`

export const guardClass = <Self, const Key extends string, Shape extends Guard<Rejection>, Rejection, Options>(
  id: Key,
  options: Options,
  make: (options: Options) => Effect.Effect<Shape>,
  { config }: Pick<OptionsCodec<Options, unknown>, "config">
): Context.ServiceClass<Self, Key, Shape> & GuardClass<Self, Rejection, Options> => {
  const key = Context.Service<Self, Shape>()(id)
  return Object.assign(key, {
    layer: Layer.effect(key, make(options)),
    layerWith: (replaced: Partial<Options>) => Layer.effect(key, make({ ...options, ...replaced })),
    layerConfig: (path: string | ConfigProvider.Path) => Layer.effect(key, Effect.flatMap(config(path, options), make)),
    protect: <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R | Self> =>
      new Looked(key, self) as unknown as Effect.Effect<A, E | Rejection, R | Self>
  })
}

// Not `Effect.flatMap`, which the guard around would take for work that has begun.
interface Looked extends AnyEffect {
  readonly key: Context.Key<any, Guard<any>>
  readonly self: AnyEffect
}

const runLooked = ({ key, self }: Looked, fiber: AnyFiber, outer: Admission | undefined): AnyEffect =>
  passOn(outer, Context.getUnsafe(fiber.context, key).protect(self), fiber)

const LookedProto = insidePrototype<Looked>("Switchgear.service", runLooked, function(fiber) {
  return runLooked(this, fiber, undefined)
})

const Looked = function(
  this: { key: Context.Key<any, Guard<any>>; self: AnyEffect },
  key: Context.Key<any, Guard<any>>,
  self: AnyEffect
) {
  this.key = key
  this.self = self
} as unknown as new(key: Context.Key<any, Guard<any>>, self: AnyEffect) => Looked
Looked.prototype = LookedProto
