/**
 * What reaches the provider and what it bills, counted around the client, whoever stands above it.
 *
 * A provider bills an answer by its usage, and finishes what it has begun also when nobody waits any more. So a call that
 * was left is billed as the answer it would have had; one to a model that hangs never has any. A refusal costs nothing.
 */
import { ChatClient, type ChatSchema, Pricing } from "@switchgear/http"
import { Cause, Clock, Effect, type Exit } from "effect"
import { answer, type Model, models, type Night, type Phase, primary } from "./night.ts"
import { prices } from "./prices.ts"
import type { CostData } from "./reportData.ts"

/** What was counted so far. */
export interface Upstream {
  /** Calls by model, an entry an interval. */
  readonly calls: Readonly<Record<Model, Array<number>>>
  /** Micro-dollars, an entry an interval. */
  readonly cost: Array<number>
  /** Micro-dollars of `cost` for answers that nobody got. */
  wasted: number
  callsInVain: number
  primaryCallsWhileDown: number
}

/** A client that is counted, the counts, and how it learns that a phase has begun. */
export interface Metered {
  readonly client: ChatClient.ChatClient["Service"]
  readonly upstream: Upstream
  readonly begin: (phase: Phase) => void
}

export const metered = (
  client: ChatClient.ChatClient["Service"],
  { data: { interval, seconds }, phases }: Night
): Effect.Effect<Metered> =>
  Effect.map(Clock.Clock, (clock) => {
    const none = () => Array.from({ length: Math.round(seconds / interval) }, () => 0)
    const calls = { [models[0]]: none(), [models[1]]: none(), [models[2]]: none(), [models[3]]: none() }
    const upstream: Upstream = { calls, cost: none(), wasted: 0, callsInVain: 0, primaryCallsWhileDown: 0 }
    const last = upstream.cost.length - 1
    const now = () => Math.min(last, Math.floor(clock.currentTimeMillisUnsafe() / 1000 / interval))
    let phase = phases[0]!

    const complete = (request: ChatSchema.ChatRequest) =>
      Effect.suspend(() => {
        const model = request.model as Model
        const { primary: health } = phase
        const hangs = phase.behaviours[model].outcome?._tag === "Hang"
        calls[model][now()]!++
        if (model === primary && (health === "slow" || health === "down")) upstream.primaryCallsWhileDown++
        return Effect.onExitPrimitive(client.complete(request), (exit) => {
          if (exit._tag === "Success") {
            upstream.cost[now()]! += costOf(model, exit.value.usage?.prompt_tokens ?? 0)
            return undefined
          }
          upstream.callsInVain++
          if (!hangs && wasLeft(exit)) {
            const cost = costOf(model, tokens(request.messages[0]?.content as string))
            upstream.cost[now()]! += cost
            upstream.wasted += cost
          }
          return undefined
        })
      })

    return {
      client: ChatClient.ChatClient.of({ ...client, complete }),
      upstream,
      begin: (next) => {
        phase = next
      }
    }
  })

/** The money of a lane. */
export const costs = ({ cost, wasted }: Upstream, saved: number): CostData => ({
  spent: cost.reduce((sum, amount) => sum + amount, 0),
  wasted,
  saved
})

/** Whether the caller went away, or the client gave up, before there was an answer. */
const wasLeft = ({ cause }: Exit.Failure<unknown, { readonly _tag: string }>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isInterruptReason(reason) || Cause.isFailReason(reason) && reason.error._tag === "TimedOut"
  )

/** Four characters a token, as the provider counts. */
const tokens = (text: string): number => Math.ceil(text.length / 4)

const answerTokens = tokens(answer)

// All answers are the same, and prompts differ by a few tokens: what is billed a million times is priced once.
const known: Readonly<Record<Model, Map<number, number>>> = {
  [models[0]]: new Map(),
  [models[1]]: new Map(),
  [models[2]]: new Map(),
  [models[3]]: new Map()
}

const costOf = (model: Model, promptTokens: number): number => {
  const before = known[model].get(promptTokens)
  if (before !== undefined) return before
  const usage = { prompt_tokens: promptTokens, completion_tokens: answerTokens }
  const cost = Pricing.cost(prices[model], usage).known
  known[model].set(promptTokens, cost)
  return cost
}
