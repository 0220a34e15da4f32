/** Language models that are asked in order. What one of them has from a cascade inside of it is told and judged as such. */
import * as Attempts from "@switchgear/core/Attempts"
import * as Cascade from "@switchgear/core/Cascade"
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Alternatives, CurrentAlternatives, isLongerThan } from "../chatModel/retries.ts"
import { aiErrorOf } from "./aiErrors.ts"
import * as Classify from "./classify.ts"
import type * as Delegating from "./delegating.ts"
import { hasContent } from "./hasContent.ts"
import * as OneCall from "./oneCall.ts"
import * as Provenance from "./provenance.ts"
import type { ReaderExpiry } from "./readerExpiry.ts"

/** One model, its name, and which of its errors move on. */
interface Step {
  readonly name: string
  readonly model: LanguageModel.LanguageModel
  readonly when?: ((error: AiError.AiError) => boolean) | undefined
}

/** An answer, and what it says of itself. */
interface Answered<A> {
  readonly answer: A
  readonly inner: Provenance.Provenance | undefined
}

type Ask<A, R> = (model: LanguageModel.LanguageModel) => Effect.Effect<Answered<A>, AiError.AiError, R>

export const asking = (
  steps: Arr.NonEmptyReadonlyArray<Step>,
  reader: ReaderExpiry
): Pick<Delegating.Asking, "whole" | "streamed"> => ({
  whole: (ask) =>
    run<Delegating.Answer, never>(
      steps,
      (model) => Effect.map(ask(model), (answer) => ({ answer, inner: Provenance.read(answer.parts) }))
    ).pipe(
      Effect.map(({ answer: { parts, value }, provenance }) => ({
        parts: parts.map(Provenance.written(provenance)),
        value
      }))
    ),
  streamed: (ask) =>
    run<Stream.Stream<Response.StreamPartEncoded, AiError.AiError>, Scope.Scope>(
      steps,
      (model) =>
        Effect.suspend(() => {
          let inner: Provenance.Provenance | undefined
          const source = Stream.map(ask(model), (part) => {
            inner ??= Provenance.readFrom(part)
            return part
          })
          return Effect.map(
            OneCall.open({ source, hasContent, guards: unguarded, ...reader }),
            (answer) => ({ answer, inner })
          )
        })
    ).pipe(
      Effect.map(({ answer, provenance }) => Stream.map(answer, Provenance.written(provenance)))
    )
})

const unguarded: OneCall.Guards<never> = { protect: identity }

/** The best answer that there is, and where it comes from. */
const run = <A, R>(steps: Arr.NonEmptyReadonlyArray<Step>, ask: Ask<A, R>) =>
  Effect.suspend(() => {
    let asked = 0
    const stepOf = (step: Step, isLast: boolean) => {
      const { model, name, when = Classify.movesOn } = step
      const answer = Effect.suspend(() => {
        asked++
        return ask(model)
      })
      return [name, isLast ? answer : besideOthers(when, answer), {
        when,
        provenance: ({ inner }: Answered<A>) => inner ?? { step: name, degradation: "none", failures: [] }
      }] as const
    }
    const [first, ...others] = steps
    const chain = others.reduce(
      (chain, step, i) => Cascade.orElse(...stepOf(step, i === others.length - 1))(chain),
      Cascade.first(...stepOf(first, others.length === 0))
    )
    return Effect.map(Cascade.run(chain), (served) => ({
      answer: served.value.answer,
      // Of models that were asked besides, nobody has counted the calls.
      provenance: Provenance.of({ ...served, attempts: asked === 1 ? served.value.inner?.attempts : undefined })
    }))
  })

/** A chat model that is too busy leaves the call to the next model, rather than wait and ask again. */
const besideOthers = <A, E, R>(
  when: (error: AiError.AiError) => boolean,
  answer: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const around = fiber.getRef(CurrentAlternatives)
    const hasNext = () => (fiber.getRef(Attempts.CurrentAttempts)?.left ?? 1) > 0
    const alternatives: Alternatives = {
      hasLost: (now) => around?.hasLost(now) === true,
      allowsWait: (waiting, now) =>
        !(isLongerThan(waiting, undefined) && hasNext() && moves(when, waiting.error, fiber)) &&
        (around === undefined || around.allowsWait(waiting, now))
    }
    return Effect.provideService(answer, CurrentAlternatives, alternatives)
  })

const moves = (when: (error: AiError.AiError) => boolean, error: unknown, fiber: Fiber.Fiber<any, any>): boolean => {
  try {
    return when(aiErrorOf("generateText", error, fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())) === true
  } catch {
    return false
  }
}
