/** The calls to providers, each with a span and in the metrics, by the conventions of OpenTelemetry for generative AI. */
import { keepingAs, monotonicMillis } from "@switchgear/core/runtime"
import * as Telemetry from "effect/ai/Telemetry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { Asked as AskedClient } from "../../chatModel/guarded.ts"
import type { ChatChunk, ChatReply, ChatRequest } from "../../ChatSchema.ts"
import * as Source from "../../chatStream/source.ts"
import { ToldUsage } from "../../pricing/toldUsage.ts"
import { promptOf, tokensOf } from "../../pricing/parts.ts"
import { usedOf } from "../../pricing/usageParts.ts"
import type { Watched } from "../service/watched.ts"
import type { GenAi, Operation } from "./genAi.ts"
import { errorTypeOf, type Tracing } from "./tracing.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Who is told of a call: either may be left out. */
export interface Watching {
  readonly tracing: Tracing | undefined
  readonly genAi: GenAi | undefined
}

/** The same client, whose calls are told. */
export const watched = (watching: Watching) => <Client extends AskedClient>(client: Client, of: Watched): Client => ({
  ...client,
  complete: (request: ChatRequest) => {
    const call = client.complete(request)
    const seen = Effect.withFiber<Effect.Success<typeof call>, Effect.Error<typeof call>>((fiber) => {
      const attempt = new Attempt(watching, client, of, request, fiber)
      return Effect.onExit(attempt.within(call), (exit) =>
        Effect.sync(() => {
          if (exit._tag === "Success") attempt.note(exit.value)
          attempt.end(exit)
        }))
    })
    return keepingAs(seen, call)
  },
  stream: (request: ChatRequest) => {
    const opening = Source.openingOf(client.stream(request))
    return Source.streamOf(Effect.withFiber((fiber) => {
      const attempt = new Attempt(watching, client, of, request, fiber)
      attempt.span?.attribute("gen_ai.request.stream", true)
      return Source.watching(attempt.within(opening), (chunk) => attempt.note(chunk), (exit) => attempt.end(exit))
    }))
  }
})

class Attempt {
  /** Undefined where it is not traced, or not this time. */
  readonly span: Tracer.Span | undefined
  private readonly watching: Watching
  private readonly operation: Operation
  private readonly clock: Clock.Clock
  private readonly begun: number
  private readonly told = new ToldUsage()
  private readonly finishReasons = new Set<string>()
  private id: string | undefined
  private model: string | undefined

  constructor(
    watching: Watching,
    { provider }: AskedClient,
    { address, operation }: Watched,
    request: ChatRequest,
    fiber: AnyFiber
  ) {
    this.watching = watching
    this.operation = { operation, provider, model: request.model }
    this.clock = fiber.getRef(Clock.Clock)
    this.begun = monotonicMillis(this.clock)
    this.span = watching.tracing?.begin({
      name: `${operation} ${request.model}`,
      kind: "client",
      parent: fiber.cache.span
    })
    if (this.span?.sampled) describe(this.span, this.operation, address, request)
  }

  within<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.span === undefined ? call : Effect.provideService(call, Tracer.ParentSpan, this.span)
  }

  /** Takes in what an answer says of itself. */
  note(said: ChatReply | ChatChunk): void {
    this.told.note(said)
    this.id ??= shortText(said.id)
    this.model ??= shortText(said.model)
    for (const { finish_reason } of said.choices) {
      const reason = shortText(finish_reason)
      if (reason !== undefined) this.finishReasons.add(reason)
    }
  }

  end(exit: Exit.Exit<unknown, unknown>): void {
    const { genAi, tracing } = this.watching
    const parts = usedOf(this.told)?.parts
    const usage = parts && { input: promptOf(parts), output: tokensOf(parts) - promptOf(parts) }
    const error = errorTypeOf(exit)
    genAi?.ended(this.operation, (monotonicMillis(this.clock) - this.begun) / 1000, usage, error)
    const { span } = this
    if (span === undefined) return
    if (span.sampled) {
      Telemetry.addGenAIAnnotations(span, {
        response: {
          id: this.id,
          model: this.model,
          finishReasons: this.finishReasons.size === 0 ? undefined : [...this.finishReasons]
        },
        usage: { inputTokens: usage?.input, outputTokens: usage?.output }
      })
      if (parts !== undefined) {
        const details = {
          cache_read: [parts.cachedInput, "input"],
          cache_creation: [parts.cacheWrite + parts.cacheWrite1h, "input"],
          reasoning: [parts.reasoning, "output"]
        } as const
        for (const [name, [tokens, side]] of Object.entries(details)) {
          if (tokens > 0) span.attribute(`gen_ai.usage.${name}.${side}_tokens`, tokens)
        }
      }
      if (error !== undefined) span.attribute("error.type", error)
    }
    tracing!.end(span, exit)
  }
}

const describe = (
  span: Tracer.Span,
  { model, operation, provider }: Operation,
  { host, port }: Watched["address"],
  request: ChatRequest
): void => {
  Telemetry.addGenAIAnnotations(span, {
    provider: { name: provider },
    request: {
      model,
      temperature: numberIn(request["temperature"]),
      topP: numberIn(request["top_p"]),
      maxTokens: numberIn(request["max_completion_tokens"] ?? request["max_tokens"]),
      frequencyPenalty: numberIn(request["frequency_penalty"]),
      presencePenalty: numberIn(request["presence_penalty"]),
      seed: numberIn(request["seed"])
    }
  })
  span.attribute("gen_ai.operation.name", operation)
  span.attribute("server.address", host)
  span.attribute("server.port", port)
}

/** What a client sends in the place of a number may be anything. */
const numberIn = (u: unknown): number | undefined => typeof u === "number" ? u : undefined

/** What a provider sends in the place of a name may be anything. */
const shortText = (u: unknown): string | undefined =>
  typeof u === "string" && u !== "" && u.length <= 200 ? u : undefined
