/** The call of one customer, as the gateway makes it for a client. */
import type * as Deadline from "@switchgear/core/Deadline"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ChatFailure } from "../../../ChatFailure.ts"
import type * as ChatModel from "../../../ChatModel.ts"
import { AttemptCounter, CurrentAttemptCounter } from "../../../chatModel/attemptCounter.ts"
import * as ModelCascade from "../../../ModelCascade.ts"
import { toldIn, ToldUsage } from "../../../pricing/toldUsage.ts"
import { all as dialects } from "../../dialects/all.ts"
import * as DialectAsked from "../../dialects/asked.ts"
import { CurrentSent, type Sent } from "../../dialects/sent.ts"
import { asking, inLanguage, inNameOf } from "../../service/asking.ts"
import type { Caller } from "../../service/callers.ts"
import type { Kind } from "./kinds.ts"
import type { Ending } from "./model.ts"

/** How long customers wait, for a whole answer or for the first content of a stream, before they leave. */
const patience = "30 seconds"

/** A call that was prepared: the model, the request as guards and caches see it, and what is sent in another API. */
interface Prepared {
  readonly model: ChatModel.ChatModel<ChatFailure>
  readonly request: ChatModel.Request
  readonly sent: Sent | undefined
}

/** `answered` is called when the answer is there, or the first content of a stream. */
export const call = (
  kind: Kind,
  caller: Caller,
  target: string,
  question: string,
  answered: () => void
): Effect.Effect<Ending, ChatFailure | RateLimiter.RateLimited | Deadline.DeadlineExceeded> => {
  const { model, request, sent } = prepared(kind, caller, target, question)
  let ending: Ending = "left"
  const heard = (answer: Pick<ChatModel.Answer, "degradation">) => {
    ending = answer.degradation === "none"
      ? "asked-for"
      : answer.degradation === "canned"
      ? "sentence"
      : answer.degradation
    answered()
  }
  const whole = Effect.map(model.complete(request), (answer) => {
    heard(answer)
    return toldIn(answer.value)
  })
  // What a cache keeps is a chat completion.
  const opening = sent === undefined
    ? model.open(request)
    : Effect.provideService(model.open(request), ModelCascade.CurrentCacheMode, "bypass")
  const streamed = Effect.scoped(Effect.gen(function*() {
    const told = new ToldUsage()
    const opened = yield* Effect.timeoutOption(opening, patience)
    if (Option.isNone(opened)) return told
    heard(opened.value)
    yield* Stream.runForEach(opened.value.value, (chunk) => Effect.sync(() => told.note(chunk)))
    return told
  }))
  const upstream = new AttemptCounter()
  const asked = Effect.updateContext(
    asking(
      { caller, request, patience: undefined, calls: { upstream } },
      kind.delivery === "stream" ? streamed : whole,
      identity
    ),
    (context: Context.Context<never>) =>
      Context.add(inLanguage("en", inNameOf(caller, context)), CurrentAttemptCounter, upstream)
  )
  const patient = kind.delivery === "stream" ? asked : Effect.timeoutOption(asked, patience)
  return Effect.map(Effect.provideService(patient, CurrentSent, sent), () => ending)
}

const prepared = (kind: Kind, caller: Caller, target: string, question: string): Prepared => {
  const messages = [{ role: "user", content: question }] as const
  if (kind.spoken === "chat") {
    return { model: caller.targets.get(target)!.chat!, request: { messages, max_tokens: 300 }, sent: undefined }
  }
  const body = {
    model: target,
    ...kind.delivery === "stream" && { stream: true },
    ...kind.spoken === "messages"
      ? { max_tokens: 300, messages }
      : kind.spoken === "responses"
      ? { max_output_tokens: 300, input: question }
      : { input: question }
  }
  const dialect = dialects.find(({ cost, spoken }) => spoken === kind.spoken && cost === "billed")!
  // The request is right, and the target answers it.
  const asked = DialectAsked.read(dialect, JSON.stringify(body), {}, caller) as DialectAsked.Asked
  return { model: asked.model, request: asked.plain, sent: asked }
}
