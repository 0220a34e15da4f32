/** The time that tokens take, and the tokens of a minute. */
import * as Duration from "effect/Duration"
import { error, type Outcome, type Reply, type Tokens } from "../Behaviour.ts"
import { contentOf, tokensOf } from "./encodeOutcome.ts"
import type { Request } from "./wire.ts"

/** What an outcome takes in tokens. */
export interface Timed<O extends Outcome> {
  /** The milliseconds of work before the response begins. */
  readonly millis: number
  /** The outcome; that of a stream at the pace of its tokens. */
  readonly outcome: O
  /** The tokens of the answer. */
  readonly answer: number
}

/** An error takes no tokens, and no time of theirs. */
export const timed = <O extends Outcome>(outcome: O, tokens: Tokens | undefined, asked: Request): Timed<O> => {
  if (tokens === undefined || (outcome._tag !== "Ok" && outcome._tag !== "Stream")) {
    return { millis: 0, outcome, answer: 0 }
  }
  const text = outcome._tag === "Ok" ? outcome.text : outcome.script.text
  const content = contentOf(text, asked.model)
  const answer = tokensOf(content)
  const reads = tokensOf(asked.prompt) / tokens.prefill * 1000
  const writes = answer / tokens.perSecond * 1000
  if (asked.streaming === "no") return { millis: reads + writes, outcome, answer }
  const script = outcome._tag === "Ok" ? { text } : outcome.script
  const chunks = script.chunks ?? Math.max(1, answer)
  // One pause before each chunk and one before the end, so that a stream takes as long as a whole reply.
  const pause = writes / (chunks + 1)
  const first = Duration.toMillis(script.firstContentAfter ?? 0)
  const stream: Outcome = { _tag: "Stream", script: { ...script, chunks, firstContentAfter: first + pause, pause } }
  return { millis: reads, outcome: stream as O, answer }
}

/** The tokens of the current minute, counted from the full minute of the clock. */
export class TokenWindow {
  private minute = NaN
  private used = 0

  /** Takes the tokens that a request needs; the response to a request above the limit. */
  take(now: number, needed: number, limit: number): Reply | undefined {
    this.turn(now)
    if (this.used + needed <= limit) {
      this.used += needed
      return undefined
    }
    const seconds = Math.max(1, Math.ceil(((this.minute + 1) * minute - now) / 1000))
    return error(429, {
      message: `Rate limit reached on tokens per min (TPM): Limit ${limit}, Used ${this.used}, Requested ${needed}. ` +
        `Please try again in ${seconds}s.`,
      type: "tokens",
      code: "rate_limit_exceeded"
    }, {
      "retry-after": String(seconds),
      "x-ratelimit-limit-tokens": String(limit),
      "x-ratelimit-remaining-tokens": String(Math.max(0, limit - this.used)),
      "x-ratelimit-reset-tokens": `${seconds}s`
    })
  }

  /** Adds the tokens of an answer, also above the limit. */
  add(now: number, answer: number): void {
    this.turn(now)
    this.used += answer
  }

  private turn(now: number): void {
    const at = Math.floor(now / minute)
    if (at === this.minute) return
    this.minute = at
    this.used = 0
  }
}

const minute = 60_000
