/**
 * Language models that are asked in order. What one of them has from a cascade inside of it is told and judged as such, and
 * under a deadline each leaves time for the next.
 */
import * as Attempts from "@switchgear/core/Attempts"
import * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import { monotonicMillis, type OptionsOf } from "@switchgear/core/runtime"
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CurrentAlternatives } from "../chatModel/retries.ts"
import { AnswerTimes } from "../modelCascade/answerTimes.ts"
import { type Share, shareOf, shares } from "../modelCascade/share.ts"
import { nameOf } from "./aiErrors.ts"
import { type Asked, besideOthers } from "./besideOthers.ts"
import * as Classify from "./classify.ts"
import type * as Delegating from "./delegating.ts"
import { hasContent } from "./hasContent.ts"
import * as OneCall from "./oneCall.ts"
import * as Provenance from "./provenance.ts"
import type { ReaderExpiry } from "./readerExpiry.ts"

interface Step {
  readonly name: string
  readonly model: LanguageModel.LanguageModel
  readonly when: (error: AiError.AiError) => boolean
  /** Milliseconds; undefined where the rule of the cascade holds. */
  readonly share: number | undefined
}

export interface Settings {
  readonly steps: Arr.NonEmptyReadonlyArray<Step>
  readonly share: Share
}

export const settingsOf = (
  steps: Arr.NonEmptyReadonlyArray<
    & Pick<Step, "name" | "model">
    & { readonly when?: Step["when"] | undefined; readonly share?: Duration.Input | undefined }
  >,
  { share = "measured" }: { readonly share?: Share | undefined } = {},
  check: OptionsOf
): Settings => ({
  steps: Arr.map(steps, ({ model, name, share, when = Classify.movesOn }, i) => ({
    name,
    model,
    when,
    share: share === undefined ? undefined : check.within(`steps[${i}]`).positive("share", share)
  })),
  share: check.oneOf("share", share, shares)
})

/** An answer, and what it says of itself. */
interface Answered<A> {
  readonly answer: A
  readonly inner: Provenance.Provenance | undefined
}

type Ask<A, R> = (model: LanguageModel.LanguageModel) => Effect.Effect<Answered<A>, AiError.AiError, R>

export const asking = (
  settings: Settings,
  reader: ReaderExpiry
): Pick<Delegating.Asking, "whole" | "streamed"> => {
  const whole = timesOf(settings)
  const streamed = timesOf(settings)
  return {
    whole: (ask) =>
      run<Delegating.Answer, never>(
        settings,
        whole,
        (model) => Effect.map(ask(model), (answer) => ({ answer, inner: Provenance.read(answer.parts) }))
      ).pipe(
        Effect.map(({ answer: { parts, value }, provenance }) => ({
          parts: parts.map(Provenance.written(provenance)),
          value
        }))
      ),
    streamed: (ask) =>
      run<Stream.Stream<Response.StreamPartEncoded, AiError.AiError>, Scope.Scope>(
        settings,
        streamed,
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
  }
}

const unguarded: OneCall.Guards<never> = { protect: identity }

/** How long the answers of each step take. */
type Times = ReadonlyArray<AnswerTimes>

const timesOf = ({ steps }: Settings): Times => steps.map(({ share }) => new AnswerTimes(share))

/** The best answer that there is, and where it comes from. */
const run = <A, R>({ share, steps }: Settings, times: Times, ask: Ask<A, R>) =>
  Effect.suspend(() => {
    const asked: Asked = { count: 0, newest: 0, answeredBy: undefined }
    const stepOf = (i: number) => {
      const { model, name, when } = steps[i]!
      return [name, turn(ask(model), { steps, times, asked, index: i }), {
        when,
        overtakeAfter: steps[i]!.share ?? timeFor(share, times.slice(i + 1)),
        provenance: ({ inner }: Answered<A>) => inner ?? { step: name, degradation: "none", failures: [] }
      }] as const
    }
    const chain = steps.slice(1).reduce(
      (chain, _, i) => Cascade.orElse(...stepOf(i + 1))(chain),
      Cascade.first(...stepOf(0))
    )
    return Effect.map(Cascade.run(chain), (served) => ({
      answer: served.value.answer,
      // Of models that were asked besides, nobody has counted the calls.
      provenance: Provenance.of({ ...served, attempts: asked.count === 1 ? served.value.inner?.attempts : undefined })
    }))
  })

/** The turn of one model. */
const turn = <A, R>(
  ask: Effect.Effect<Answered<A>, AiError.AiError, R>,
  { asked, index, steps, times }: {
    readonly steps: ReadonlyArray<Step>
    readonly times: Times
    readonly asked: Asked
    readonly index: number
  }
): Effect.Effect<Answered<A>, AiError.AiError, R> =>
  Effect.withFiber((fiber) => {
    asked.count++
    asked.newest = index
    const clock = fiber.getRef(Clock.Clock)
    const begun = monotonicMillis(clock)
    const taken = () => monotonicMillis(clock) - begun
    const own = times[index]!
    const answer = Effect.mapBoth(ask, {
      onSuccess: (answer) => {
        if (!isDegraded(answer)) asked.answeredBy ??= index
        // An answer without a call says nothing about the time that a call takes.
        if (answer.inner?.attempts !== 0) own.add(taken())
        return answer
      },
      onFailure: (error) => {
        if (isTimeout(error)) own.addAtLeast(taken())
        return error
      }
    })
    const alternatives = besideOthers({
      turn: { index, begun, times: own },
      asked,
      when: steps[index]!.when,
      next: times[index + 1],
      fiber
    })
    return Effect.provideService(answer, CurrentAlternatives, alternatives)
  })

const isDegraded = ({ inner }: Answered<unknown>): boolean =>
  inner?.degradation === "stale" || inner?.degradation === "canned"

const isTimeout = (error: AiError.AiError): boolean => /^(TimedOut|DeadlineExceeded)$/.test(nameOf(error))

/** The time after which the next model is asked as well. */
const timeFor = (share: Share, later: Times) =>
  share === "none" || later.length === 0
    ? undefined
    : Effect.flatMap(Deadline.remaining, (left) =>
      left === undefined ? Effect.undefined : Effect.map(Attempts.CurrentAttempts, (attempts) => {
        const p95s = later.slice(0, attempts?.left ?? Infinity).map(({ quantiles }) =>
          quantiles?.p95
        )
        const millis = shareOf(share, Duration.toMillis(left), p95s)
        // Whole milliseconds, so that calls under one deadline share their timers.
        return millis === Infinity ? undefined : Duration.millis(Math.ceil(millis))
      }))
