/**
 * A simulated provider in the APIs besides chat completions: what is asked in one of them is asked as a chat completion, and
 * what comes back is told in its words. So all of them meet the same model, with its latency, its places and its faults.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { Fields } from "../../dialects/model.ts"
import { isFields } from "../../../apis/objectIn.ts"
import { type Tongue, tongues } from "./tongues.ts"

export const speaking = (http: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.make((request, url) => {
    const tongue = tongues.find(({ path }) => url.pathname.endsWith(path))
    if (tongue === undefined) return http.execute(request)
    const asked = bodyOf(request)
    const isStream = asked["stream"] === true
    const chat = HttpClientRequest.post(request.url.slice(0, -tongue.path.length) + "/chat/completions").pipe(
      HttpClientRequest.setHeaders(withBearer(request.headers)),
      HttpClientRequest.bodyJsonUnsafe({
        model: asked["model"],
        ...tongue.asked(asked),
        ...isStream && { stream: true, stream_options: { include_usage: true } }
      })
    )
    return Effect.flatMap(http.execute(chat), (response) => {
      if (response.status !== 200) return Effect.succeed(response)
      return isStream
        ? Effect.succeed(streamed(tongue, response, request))
        : Effect.map(response.json, (json) =>
          HttpServerResponse.toClientResponse(
            HttpServerResponse.text(JSON.stringify(tongue.whole(toldIn(json))), { contentType: "application/json" }),
            { request }
          ))
    })
  })

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): Fields => {
  const json: unknown = body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : undefined
  return isFields(json) ? json : {}
}

/** A key is told in another header. */
const withBearer = (
  { "x-api-key": key, ...headers }: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> => ({
  ...headers as Readonly<Record<string, string>>,
  ...key !== undefined && { authorization: `Bearer ${key}` }
})

/** What a chat completion says. */
const toldIn = (json: unknown) => {
  const { choices, id, model, usage } = json as {
    readonly id: string
    readonly model: string
    readonly choices: ReadonlyArray<{ readonly message: { readonly content: string } }>
    readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
  }
  return { id, model, text: choices[0]!.message.content, read: usage.prompt_tokens, written: usage.completion_tokens }
}

const streamed = (
  tongue: Tongue,
  response: HttpClientResponse.HttpClientResponse,
  request: HttpClientRequest.HttpClientRequest
): HttpClientResponse.HttpClientResponse => {
  const encoder = new TextEncoder()
  const translator = new Translator(tongue)
  const body = Stream.decodeText(response.stream).pipe(
    Stream.map((piece) => encoder.encode(translator.push(piece))),
    Stream.filter((piece) => piece.length > 0),
    Stream.mapError(causeOf)
  )
  return HttpServerResponse.toClientResponse(
    HttpServerResponse.stream(body, { contentType: "text/event-stream" }),
    { request }
  )
}

/** What broke the connection, as it would be told without a translator between. */
const causeOf = ({ reason }: HttpClientError.HttpClientError): unknown => "cause" in reason ? reason.cause : reason

/** From the events of a chat completion to those of another API. */
class Translator {
  private readonly tongue: Tongue
  private rest = ""
  private text = ""
  private usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | undefined
  private sequence = 0
  private hasBegun = false

  constructor(tongue: Tongue) {
    this.tongue = tongue
  }

  push(piece: string): string {
    const events = (this.rest + piece).split("\n\n")
    this.rest = events.pop()!
    return events.map((event) => this.told(event)).join("")
  }

  private told(event: string): string {
    const data = /^data: (.*)$/s.exec(event)?.[1]
    if (data === undefined) return ""
    if (data === "[DONE]") return this.written(this.tongue.last(this.said))
    const chunk = JSON.parse(data)
    this.usage = chunk.usage ?? this.usage
    const content = chunk.choices[0]?.delta?.content
    const begin = this.hasBegun ? [] : this.tongue.first({ ...this.said, id: chunk.id, model: chunk.model })
    this.hasBegun = true
    if (typeof content !== "string" || content === "") return this.written(begin)
    this.text += content
    return this.written([...begin, this.tongue.piece(content)])
  }

  private get said() {
    const { text, usage } = this
    return {
      id: "simulated",
      model: "simulated",
      text,
      read: usage?.prompt_tokens ?? 0,
      written: usage?.completion_tokens ?? 0
    }
  }

  private written(events: ReadonlyArray<Fields>): string {
    return events.map((event) =>
      `event: ${String(event["type"])}\ndata: ${JSON.stringify({ ...event, sequence_number: this.sequence++ })}\n\n`
    ).join("")
  }
}
