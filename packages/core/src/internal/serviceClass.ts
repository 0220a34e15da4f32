/** The class form of a guard: a service key with the `layer` that makes it and the `protect` that asks for it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A guard: something that stands around an effect and may refuse it with `Rejection`. */
export interface Guard<Rejection> {
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/** What extending the `Service` of a guard gives, on top of a service key. */
export interface GuardClass<in out Self, in out Id extends string, in out Shape, out Rejection, in Options>
  extends Context.ServiceClass<Self, Id, Shape>
{
  /** Makes the guard once for everything the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests and for a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self>
  /** Stands around an effect; the guard becomes one of the services it needs. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R | Self>
}

export const guardClass = <Self, const Id extends string, Shape extends Guard<Rejection>, Rejection, Options>(
  id: Id,
  options: Options,
  make: (options: Options) => Effect.Effect<Shape>
): GuardClass<Self, Id, Shape, Rejection, Options> => {
  const key = Context.Service<Self, Shape>()(id)
  return Object.assign(key, {
    layer: Layer.effect(key, make(options)),
    layerWith: (replaced: Partial<Options>) => Layer.effect(key, make({ ...options, ...replaced })),
    protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.flatMap(key, (guard) => guard.protect(self))
  })
}
