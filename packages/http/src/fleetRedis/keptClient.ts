/**
 * A connection that is made again when it is lost.
 *
 * Invariants
 * - A command is sent over the present connection or fails at once: it never waits for the next one.
 * - A lost connection is destroyed before the next one is made: what it was sent is not sent again, and its answers are no more.
 */
import { failureWord, monotonicMillis } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redis from "effect/persistence/Redis"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import {
  clientOf,
  commandError,
  connectionError,
  destroyed,
  ignored,
  type NodeClient,
  type OpenClient,
  ping
} from "./client.ts"
import type { Settings } from "./settings.ts"

/** Milliseconds, as the other. */
const firstRetry = 250

/** A connection that is lost again sooner was not back, and a reason that changes sooner is not told. */
const steadyAfter = 5000

/** No pause is longer: a node that asks its store again a few seconds later finds it connected, where it can be. */
const longestRetry = 1000

export class KeptClient {
  private readonly open: () => OpenClient
  private readonly settings: Settings
  private present: OpenClient | undefined
  private failures = 0
  /** The reason that the log has last, where it says that there is no connection. */
  private toldLostBy: string | undefined
  /** Whether this connection was made again, and has not lasted yet. */
  private isShaky = false
  private readonly tried = Deferred.makeUnsafe<void>()
  /** Why there is no connection, in one word; undefined where there is one, and before the first attempt has ended. */
  lostBy: string | undefined
  private lostBySince = 0

  constructor(open: () => OpenClient, settings: Settings) {
    this.open = open
    this.settings = settings
  }

  /** Connects for as long as the scope is open. Ends after the first attempt. */
  get start(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.andThen(Effect.forkScoped(Effect.forever(this.connection)), Deferred.await(this.tried))
  }

  readonly send = <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> =>
    Effect.tryPromise({
      try: () => this.connected.send(command, args) as Promise<A>,
      catch: commandError
    })

  /** Messages of a channel. The effect that it gives ends with an error when the connection is lost. */
  readonly subscribe = (
    channel: string,
    onMessage: (message: Redis.RedisMessage) => void
  ): Effect.Effect<Effect.Effect<void, Redis.RedisError>, Redis.RedisError, Scope.Scope> =>
    Effect.gen({ self: this }, function*() {
      const client = yield* Effect.acquireRelease(this.another, (client) => Effect.sync(() => destroyed(client)))
      const lost = lossOf((lost) => void client.on("error", lost))
      yield* this.inTime(this.settings.connectTimeout, () => client.connect())
      yield* this.inTime(
        this.settings.connectTimeout,
        () => client.subscribe(channel, (message, channel) => onMessage({ channel, message }))
      )
      return Effect.raceFirst(lost, this.pinging(() => ping(client)))
    })

  /** A connection that nobody else uses. */
  readonly connect: Parameters<typeof Redis.make>[0]["connect"] = Effect.suspend(() => this.another).pipe(
    Effect.tap((client) =>
      Effect.onError(
        this.inTime(this.settings.connectTimeout, () => client.connect()),
        () => Effect.sync(() => destroyed(client))
      )
    ),
    Effect.map((client) => ({
      send: <A = unknown>(command: string, ...args: ReadonlyArray<string>) =>
        Effect.tryPromise({
          try: () => client.sendCommand([command, ...args]) as Promise<unknown> as Promise<A>,
          catch: commandError
        }),
      close: Effect.sync(() => destroyed(client))
    }))
  )

  private get connected(): OpenClient {
    if (this.present === undefined) throw new Error("OFFLINE: the Redis of the fleet is not connected")
    return this.present
  }

  /** A client of a place to which the present connection leads. It is not connected yet. */
  private get another(): Effect.Effect<NodeClient, Redis.RedisError> {
    return Effect.flatMap(Random.next, (share) =>
      Effect.try({
        try: () => {
          const client = clientOf(this.connected.place(share), this.settings)
          client.on("error", ignored)
          return client
        },
        catch: connectionError
      }))
  }

  /** One connection: until it is lost, and the pause after that. */
  private get connection(): Effect.Effect<void> {
    const used = Effect.gen({ self: this }, function*() {
      const client = yield* Effect.acquireRelease(
        Effect.try({ try: this.open, catch: connectionError }),
        (client) => Effect.sync(() => this.end(client))
      )
      const lost = lossOf(client.onLost)
      yield* this.inTime(this.settings.connectTimeout, client.connect)
      this.present = client
      yield* this.reached
      return yield* Effect.raceAllFirst([lost, this.pinging(client.ping), this.lasting])
    })
    return Effect.scoped(used).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : this.failed(told(Cause.squash(cause)))
      ),
      Effect.andThen(this.pause)
    )
  }

  private end(client: OpenClient): void {
    this.present = undefined
    client.destroy()
  }

  private get reached(): Effect.Effect<void> {
    this.failures = 0
    this.lostBy = undefined
    return Effect.andThen(this.isShaky ? Effect.void : this.tellBack, Deferred.succeed(this.tried, undefined))
  }

  /** One line each way. A connection that comes and goes is not back before it has lasted, so that the log has not two lines for each time. */
  private readonly tellBack: Effect.Effect<void> = Effect.suspend(() => {
    if (this.toldLostBy === undefined) return Effect.void
    this.toldLostBy = undefined
    this.isShaky = true
    return Effect.logInfo("The Redis of the fleet is connected.")
  })

  private readonly lasting: Effect.Effect<never> = Effect.sleep(steadyAfter).pipe(
    Effect.andThen(this.tellBack),
    Effect.andThen(Effect.sync(() => {
      this.isShaky = false
    })),
    Effect.andThen(Effect.never)
  )

  private failed(reason: string): Effect.Effect<void> {
    return Effect.flatMap(Clock.Clock, (clock) => {
      const now = monotonicMillis(clock)
      if (reason !== this.lostBy) {
        this.lostBy = reason
        this.lostBySince = now
      }
      this.failures++
      return Effect.andThen(this.tellLost(reason, now), Deferred.succeed(this.tried, undefined))
    })
  }

  /** A server that cuts a connection says why with the next one, such as that the password is another one now. */
  private tellLost(reason: string, now: number): Effect.Effect<void> {
    const isTold = this.toldLostBy !== undefined
    if (isTold && (reason === this.toldLostBy || now - this.lostBySince < steadyAfter)) return Effect.void
    this.toldLostBy = reason
    return Effect.logWarning(
      `The Redis of the fleet is ${isTold ? "still " : ""}not connected: ${reason}. It is tried again until it is.`
    )
  }

  private get pause(): Effect.Effect<void> {
    return Effect.flatMap(
      Random.next,
      (share) =>
        Effect.sleep(Math.min(longestRetry, firstRetry * 2 ** Math.max(0, this.failures - 1)) * (0.8 + 0.2 * share))
    )
  }

  /** Ends with an error once the server does not answer in time, or to something else. */
  private pinging(ping: () => Promise<unknown>): Effect.Effect<never, Redis.RedisError> {
    const { pingInterval } = this.settings
    return Effect.forever(Effect.delay(this.inTime(pingInterval, ping), pingInterval))
  }

  private inTime<A>(millis: number, work: () => Promise<A>): Effect.Effect<A, Redis.RedisError> {
    return Effect.tryPromise({ try: work, catch: connectionError }).pipe(
      Effect.timeoutOrElse({
        duration: millis,
        orElse: () => Effect.fail(connectionError(new Error("ETIMEDOUT")))
      })
    )
  }
}

/** What ends a connection has its reason as the message, or is a fault of the client. */
const told = (error: unknown): string =>
  error instanceof Redis.RedisError && error.cause instanceof Error ? error.cause.message : failureWord(error)

/** Fails once a connection is lost. It has to be asked before that. */
const lossOf = (onLost: OpenClient["onLost"]): Effect.Effect<never, Redis.RedisError> => {
  const lost = Deferred.makeUnsafe<never, Redis.RedisError>()
  onLost((cause) => void Deferred.doneUnsafe(lost, Exit.fail(connectionError(cause))))
  return Deferred.await(lost)
}
