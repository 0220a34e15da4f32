/** Gateways of one fleet over a Redis of the test, in this process and as processes of their own. */
import { assert } from "@effect/vitest"
import type { GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Exit, Logger, Schedule, Scope } from "effect"
import { control } from "./administered.ts"
import { password, type RedisServer, redisServer } from "./redisServer.ts"
import { ask, type Got, runningOver } from "./running.ts"
import { type Command, started } from "./startedCommand.ts"

/** What is asked of operators' addresses. */
export const adminOf = (url: string): Gateway["admin"] => {
  const headers = { authorization: `Bearer ${control}`, "content-type": "application/json" }
  return (path, body) =>
    ask(
      `${url}${path}`,
      body === undefined
        ? { headers }
        : { method: "POST", headers, body: JSON.stringify({ reason: "test", ...body }) }
    )
}

/** What can be asked. */
export interface Gateway {
  readonly url: string
  readonly admin: (path: string, body?: object) => Effect.Effect<Got>
}

export interface Reloading extends Gateway {
  readonly reload: (more: string, section?: string) => Effect.Effect<void>
  readonly tryReload: (more: string, section?: string) => Effect.Effect<void, GatewayConfig.ConfigInvalid>
  /** Without waiting for anything of it. */
  readonly end: Effect.Effect<void>
}

/** The longest waits for Redis that a slow machine needs. */
export const section = (redis: string, more = "", timeout = "400 millis") => {
  const place = redis.startsWith("{") ? redis : JSON.stringify(redis)
  return `cluster: { redis: ${place}, fleet: prod, timeout: ${timeout}, interval: ${timeout}${more} }
admin: { port: 0, token: ${control} }`
}

export const gatewayOver = (
  provider: string,
  redis: string,
  more = "",
  own = section(redis)
): Effect.Effect<Reloading, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const file = (more: string, as = own) => `${as}\nlisten: { port: 0, drainTimeout: 1 millis }\n${more}`
    const { gateway, reload, url } = yield* Scope.provide(runningOver(provider, file(more)), scope)
    return {
      url,
      admin: adminOf(`http://127.0.0.1:${gateway.adminAddress!.port}`),
      reload: (more, own) => Effect.orDie(reload(file(more, own))),
      tryReload: (more, own) => reload(file(more, own)),
      end: Scope.close(scope, Exit.void)
    }
  })

export const simulated = Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({
    models: { first: { outcome: Behaviour.ok("Good day") }, second: { outcome: Behaviour.ok("Good evening") } }
  })
  const { url } = yield* SimulatedProvider.serve(provider)
  return { provider, url }
})

export const three = Effect.gen(function*() {
  const redis = yield* redisServer
  const { provider, url } = yield* simulated
  // None is away because the machine is busy: what an operator commands then is for that gateway alone.
  const patient = section(redis.url, "", "5 seconds")
  const gateways = yield* Effect.all([1, 2, 3].map(() => gatewayOver(url, redis.url, "", patient)))
  const [one, two, last] = gateways as [Reloading, Reloading, Reloading]
  return { gateways, last, one, provider, redis, two, upstream: url }
})

export const stateOf = ({ admin }: Gateway, model = 0) =>
  Effect.map(admin("/admin/models"), ({ json }) => json[model].circuit.state as string)

export const statesOf = (gateways: ReadonlyArray<Gateway>) => Effect.forEach(gateways, (one) => stateOf(one))

export const seenBy = ({ admin }: Gateway) => Effect.map(admin("/admin/cluster"), ({ json }) => json)

/** Waits until it is so: what a real server takes is not known. */
export const until = (is: Effect.Effect<boolean>) =>
  Effect.repeat(is, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeout("40 seconds"),
    Effect.orDie
  )

export const all = (gateways: ReadonlyArray<Gateway>, state: string) =>
  until(Effect.map(statesOf(gateways), (states) => states.every((one) => one === state)))

export const allAre = (gateways: ReadonlyArray<Gateway>, state: string) =>
  until(Effect.map(Effect.forEach(gateways, seenBy), (seen) => seen.every((one) => one.state === state)))

/** The log of what is run. */
export const logged = <A, E, R>(run: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    lines.push(`${logLevel} ${Array.isArray(message) ? message.join(" ") : String(message)} ${String(cause)}`)
  })
  return Effect.provide(run(lines), Logger.layer([logger]))
}

export const ofTheStore = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("store of the fleet"))

export const saysNothingOf = ({ port }: RedisServer, texts: ReadonlyArray<string>) => {
  for (const text of texts) {
    assert.notInclude(text, password)
    assert.notInclude(text, `:${port}`)
    assert.notInclude(text, "redis://")
  }
}

export interface Process extends Gateway {
  readonly command: Command
}

/** The command as a process of its own, with these lines in its file. */
export const processOver = (provider: string, more: string): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.gen(function*() {
    const command = yield* started(`${more}
listen: { port: 0 }
providers: { sim: { baseUrl: ${provider} } }
models: { first: { provider: sim }, second: { provider: sim } }`)
    const { clients, operators } = yield* command.addresses
    return { command, url: clients, admin: adminOf(operators) }
  })
