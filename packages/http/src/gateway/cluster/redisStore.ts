/**
 * Where the gateways of a fleet meet: a Redis that need not be there when the gateway starts. The first message makes the
 * connection, and any later one where that has failed; the client makes it again where it was lost. A connection on which a message
 * was given up is dropped: where a network is cut, nobody tells its two ends for minutes.
 *
 * Its address may have a password: no log has what the client says of it, and an error is told by its code alone.
 */
import * as ClusterStore from "@switchgear/core/ClusterStore"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Cluster } from "../config/model.ts"

type Store = ClusterStore.ClusterStore["Service"]

/** A store, and how it went lately. */
export interface RedisStore {
  readonly store: Store
  /** When it answered last, in wall-clock milliseconds. */
  readonly lastAnswer: () => number | undefined
  /** The code of the last error; undefined once there was an answer after it. */
  readonly lastError: () => string | undefined
}

export const make = ({ fleet, redis }: Cluster): Effect.Effect<RedisStore, never, Scope.Scope> =>
  Effect.gen(function*() {
    const around = yield* Scope.Scope
    const clock = yield* Clock.Clock
    let lastAnswer: number | undefined
    let lastError: string | undefined
    const failed = (cause: unknown) => {
      const code = codeOf(cause)
      // That the client has no connection says less than why it has none.
      if (lastError === undefined || !code.startsWith("Client")) lastError = code
    }

    const connect = Effect.gen(function*() {
      const { layer, NodeRedis } = yield* Effect.tryPromise(() => import("@effect/platform-node/NodeRedis"))
      // Closing waits for what is under way, and nobody waits for that.
      const scope = yield* Effect.acquireRelease(
        Scope.make(),
        (scope, exit) => Effect.asVoid(Effect.forkDetach(Scope.close(scope, exit)))
      )
      const client = layer({
        url: Redacted.value(redis),
        // What waits in its queue would be run after it counts for anything.
        disableOfflineQueue: true,
        pingInterval: 5000
      })
      const context = yield* unattached(
        Layer.buildWithScope(Layer.provideMerge(ClusterStore.layerRedis({ fleet }), client), scope)
      )
      const { client: connection } = Context.get(context, NodeRedis)
      connection.on("error", failed)
      yield* Scope.addFinalizer(scope, Effect.sync(() => connection.isOpen && connection.destroy()))
      return Context.get(context, ClusterStore.ClusterStore)
    }).pipe(
      Effect.provideService(Logger.CurrentLoggers, new Set()),
      Effect.mapError((cause) => new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed", cause }))
    )

    let current: Connection | undefined
    const connection = Effect.suspend(() => {
      if (current !== undefined) return Effect.succeed(current)
      const one: Connection = current = {
        scope: Scope.forkUnsafe(around),
        store: Deferred.makeUnsafe(),
        gone: Deferred.makeUnsafe()
      }
      const making = Effect.flatMap(
        Effect.exit(Scope.provide(connect, one.scope)),
        (exit) => Deferred.done(one.store, exit)
      )
      return Effect.as(Effect.forkIn(making, one.scope), one)
    })
    const drop = (one: Connection) =>
      Effect.suspend(() => {
        if (current === one) current = undefined
        const failure = Exit.fail(dropped())
        Deferred.doneUnsafe(one.store, failure)
        Deferred.doneUnsafe(one.gone, failure)
        return Scope.close(one.scope, Exit.void)
      })
    const storeOf = (one: Connection) => Effect.tapError(Deferred.await(one.store), () => drop(one))

    const asked = <A>(ask: (store: Store) => Effect.Effect<A, ClusterStore.StoreFailed>) =>
      Effect.flatMap(connection, (one) =>
        // It was given up.
        Effect.onInterrupt(Effect.flatMap(storeOf(one), ask), () => {
          failed("timeout")
          return drop(one)
        })).pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              lastAnswer = clock.currentTimeMillisUnsafe()
              lastError = undefined
            })
          ),
          Effect.tapError(({ cause, reason }) => Effect.sync(() => failed(reason === "failed" ? cause : reason)))
        )
    const subscribed = Effect.flatMap(connection, (one) =>
      Effect.flatMap(storeOf(one), ({ subscribe }) =>
        Effect.map(
          Effect.raceFirst(unattached(subscribe), Deferred.await(one.gone)),
          (events) => Stream.interruptWhen(events, Deferred.await(one.gone))
        )))
    return {
      store: {
        circuits: (call) => asked((store) => store.circuits(call)),
        limits: (call) => asked((store) => store.limits(call)),
        subscribe: Effect.catch(subscribed, (failed) => Effect.succeed(Stream.fail(failed)))
      },
      lastAnswer: () => lastAnswer,
      lastError: () => lastError
    }
  })

/** A client with its store, made or being made. */
interface Connection {
  readonly scope: Scope.Closeable
  readonly store: Deferred.Deferred<Store, ClusterStore.StoreFailed>
  /** Fails once it is dropped. */
  readonly gone: Deferred.Deferred<never, ClusterStore.StoreFailed>
}

const dropped = () => new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed", cause: "timeout" })

/** Nobody who leaves waits for the end of it: a client that connects to a server which answers nothing has none. */
const unattached = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.forkDetach(work),
    (fiber) => Effect.onInterrupt(Fiber.join(fiber), () => Effect.asVoid(Effect.forkDetach(Fiber.interrupt(fiber))))
  )

/** Of the innermost error: `ECONNREFUSED` of a socket, `WRONGPASS` of Redis, or the name of the error. */
const codeOf = (error: unknown): string => {
  if (typeof error === "string") return error
  if (typeof error !== "object" || error === null) return "unknown"
  const { cause, code, message, name, originalError } = error as {
    [Field in "cause" | "code" | "message" | "name" | "originalError"]?: unknown
  }
  const within = originalError ?? cause
  if (typeof within === "object" && within !== null) return codeOf(within)
  if (typeof code === "string" && /^[A-Z0-9_]{3,40}$/.test(code)) return code
  const [, reply] = /^([A-Z]{3,20}) /.exec(String(message)) ?? []
  const own = error.constructor.name
  return reply ?? (/^[A-Za-z]{3,40}$/.test(own) ? own : String(name))
}
