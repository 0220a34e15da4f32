/** The night through a gateway on sockets, for somebody who watches its page for operators. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Console, Duration, Effect, Logger, Random, type Scope } from "effect"
import type { HttpServerError } from "effect/http"
import { randomBytes } from "node:crypto"
import { arrivals } from "../arrivals.ts"
import { beginnings, models, type Phase, phasesAt, played, seed } from "../scenario.ts"
import { watchStop } from "./bounds.ts"
import { fileOf } from "./file.ts"
import { type Counts, shopAt } from "./shop.ts"

type Failure = Gateway.ListenFailed | GatewayConfig.ConfigInvalid | HttpServerError.ServeError

/** Plays until it is interrupted, or until its time is over. In the end it says what customers got. */
export const playThroughGateway = (times: number): Effect.Effect<void, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const phases = untilTheStop(phasesAt(times), times)
    const provider = yield* SimulatedProvider.make({ models: phases[0]!.behaviours })
    const { url } = yield* SimulatedProvider.serve(provider)
    const tokens = { admin: randomBytes(24).toString("base64url"), shop: randomBytes(24).toString("base64url") }
    const config = yield* GatewayConfig.parse(fileOf(url, tokens, times), {})
    const { address, adminAddress } = yield* Gateway.make(config)
    const customers = yield* Random.withSeed(arrivals(phases), seed)
    const shop = shopAt(`http://${address.host}:${address.port}/v1`, tokens.shop)

    const { host, port } = adminAddress!
    yield* Console.log([
      `The night, played ${times} times faster through a gateway. Ctrl-C ends it; it ends by itself after ${watchStop} minutes.`,
      `Operators: http://${host}:${port}/ (with the token ${tokens.admin})`,
      "Open that page, enter the token, and watch the first model collapse."
    ].join("\n"))
    yield* Effect.sync(() => process.exitCode = 0)

    const curtain = yield* Clock.currentTimeMillis
    const until = (second: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.sleep(Math.max(0, curtain + Duration.toMillis(played(second, times)) - now)))
    const begin = ({ behaviours, name, tells }: Phase) =>
      Effect.andThen(
        Effect.forEach(models, (model) =>
          provider.set(model, behaviours[model])),
        Console.log(`── ${name}: ${tells}`)
      )
    const script = Effect.forEach(phases, (phase, index) => Effect.andThen(until(beginnings[index]!), begin(phase)))
    const crowd = Effect.forEach(customers, ({ at, question }) =>
      Effect.andThen(until(at), Effect.forkChild(shop.serve(question), { startImmediately: true })))

    yield* Effect.all([script, crowd], { concurrency: "unbounded", discard: true }).pipe(
      Effect.timeoutOption(`${watchStop} minutes`),
      Effect.ensuring(Effect.suspend(() =>
        Console.log(sumOf(shop.counts))
      ))
    )
    // What a gateway logs is on its page.
  }).pipe(Effect.provide(Logger.layer([])))

/** The phases, the last of which lasts until the end. */
const untilTheStop = (phases: ReadonlyArray<Phase>, times: number): ReadonlyArray<Phase> =>
  phases.map((phase, i) =>
    i < phases.length - 1 ? phase : { ...phase, seconds: 60 * watchStop * times - beginnings[i]! }
  )

const sumOf = ({ answered, asked, errors }: Counts): string => {
  const total = (of: ReadonlyMap<string, number>) => [...of.values()].reduce((sum, count) => sum + count, 0)
  const listed = (of: ReadonlyMap<string, number>) =>
    of.size === 0
      ? ""
      : `: ${[...of].map(([name, count]) => `${count} ${name === "none" ? "as asked for" : name}`).join(", ")}`
  return `${asked} customers asked. ${total(answered)} got an answer${listed(answered)}. ${total(errors)} saw an error${
    listed(errors)
  }.`
}
