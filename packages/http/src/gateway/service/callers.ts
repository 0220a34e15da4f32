/** Who may call, found by the token, with what they may ask for, their limits and their budget. */
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChatFailure } from "../../ChatFailure.ts"
import type * as ChatModel from "../../ChatModel.ts"
import * as CostLedger from "../../CostLedger.ts"
import { CurrentPredecessor, ledgerOf } from "../../costLedger/predecessor.ts"
import { limiterName } from "../config/clients.ts"
import type { Client, Config } from "../config/model.ts"
import { ledgerOptionsOf } from "../config/ledger.ts"
import { saidBy } from "../config/said.ts"
import { digestOf, digestOfWritten } from "../config/token.ts"
import * as GoingOn from "./goingOn.ts"
import type { Use } from "./keeper.ts"
import type { Target, Targets } from "./targets.ts"

/** One client, with what it may ask for behind its ledger. */
export interface Caller {
  readonly name: string
  readonly priority: number
  readonly share: number
  readonly targets: Targets
  readonly limits: ReadonlyArray<RateLimiter.Limit>
  readonly limiter: RateLimiter.RateLimiter | undefined
  readonly ledger: CostLedger.CostLedger | undefined
}

export interface Callers {
  /** The client of a token; undefined for a token of nobody, and for one that has expired. */
  readonly find: (token: string | undefined) => Caller | undefined
  readonly hasExpired: (token: string) => boolean
  readonly all: ReadonlyArray<Caller>
}

export const make = (config: Config, targets: Targets, use: Use): Effect.Effect<Callers> =>
  Effect.gen(function*() {
    const { clients } = config
    if (clients.length === 0) {
      const anyone = yield* callerOf(config, targets, undefined, use)
      return { find: () => anyone, hasExpired: () => false, all: [anyone] }
    }
    const all: Array<Caller> = []
    const clock = yield* Clock.Clock
    const byDigest = new Map<string, { readonly caller: Caller; readonly expires: number | undefined }>()
    const isOver = (expires: number | undefined) => expires !== undefined && clock.currentTimeMillisUnsafe() >= expires
    for (const client of clients) {
      const caller = yield* callerOf(config, targets, client, use)
      all.push(caller)
      for (const { expires, token } of client.tokens) byDigest.set(digestOfWritten(token), { caller, expires })
    }
    return {
      find: (token: string | undefined) => {
        const found = token === undefined ? undefined : byDigest.get(digestOf(token))
        return found === undefined || isOver(found.expires) ? undefined : found.caller
      },
      hasExpired: (token: string) => isOver(byDigest.get(digestOf(token))?.expires),
      all
    }
  })

const callerOf = (
  config: Config,
  targets: Targets,
  client: Client | undefined,
  use: Use
): Effect.Effect<Caller> =>
  Effect.gen(function*() {
    const name = client?.name ?? "anyone"
    const ledger = yield* use<CostLedger.CostLedger | undefined, never>(
      `ledger ${name}`,
      saidBy(ledgerOptionsOf(config, client)),
      (before) => Effect.provideService(ledgerFor(config, client), CurrentPredecessor, ledgerOf(before))
    )
    const allowed = client?.models ?? [...targets.keys()]
    const limits = client?.limits ?? []
    // A client is one for all gateways of a fleet, whichever of them its calls come to.
    const shared = config.cluster !== undefined
    const goingOn = GoingOn.limiterIn(config)
    return {
      name,
      priority: client?.priority ?? 0,
      share: client?.share ?? 1,
      // They are told with every answer, so that a duration is read once.
      limits: limits.map((limit) => ({ ...limit, per: Duration.fromInputUnsafe(limit.per) })),
      limiter: limits.length === 0
        ? undefined
        : yield* use<RateLimiter.RateLimiter, never>(
          `limits ${name}`,
          saidBy(limits),
          (before) =>
            Effect.tap(
              RateLimiter.make({ name: limiterName(name), limits, shared }),
              (made) => before === undefined ? Effect.void : goingOn(made, before)
            )
        ),
      ledger,
      targets: new Map(allowed.map((model) => [model, billed(targets.get(model)!, ledger)]))
    }
  })

const billed = (target: Target, ledger: CostLedger.CostLedger | undefined): Target => {
  if (ledger === undefined) return target
  const bill = (model: ChatModel.ChatModel<ChatFailure>) => ledger.protect(model) as ChatModel.ChatModel<ChatFailure>
  return {
    ...target,
    chat: target.chat && bill(target.chat),
    spoken: new Map(
      Array.from(target.spoken, ([dialect, model]) => [dialect, dialect.cost === "free" ? model : bill(model)])
    )
  }
}

/** Each client has a ledger of its own, because each may have another budget. None where there are no prices. */
const ledgerFor = (config: Config, client: Client | undefined): Effect.Effect<CostLedger.CostLedger | undefined> => {
  const options = ledgerOptionsOf(config, client)
  return options === undefined ? Effect.undefined : Effect.orDie(CostLedger.make(options))
}
