/** A collector that takes OTLP over HTTP, on sockets, and keeps what it is told. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

export interface Taken {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly json: any
}

export interface Span {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number; readonly message?: string }
  readonly text: string
}

export interface Collector {
  readonly url: string
  /** Everything that was told so far. */
  readonly taken: ReadonlyArray<Taken>
  /** How it answers: with 200, unless it is set. */
  readonly set: (answer: (response: ServerResponse) => void) => void
  /** Waits for so many spans. */
  readonly spans: (count: number) => Effect.Effect<ReadonlyArray<Span>>
  /** The newest data points of a metric, once it was told. */
  readonly metric: (name: string, is?: (points: ReadonlyArray<Point>) => boolean) => Effect.Effect<ReadonlyArray<Point>>
}

export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly unit: string
  readonly [field: string]: unknown
}

export const collecting: Effect.Effect<Collector, never, Scope.Scope> = Effect.gen(function*() {
  const taken: Array<Taken> = []
  let answer: (response: ServerResponse) => void = (response) => response.end("{}")
  const server = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8")
    request.on("data", (piece: string) => (text += piece))
    request.on("end", () => {
      const isJson = request.headers["content-type"] === "application/json"
      taken.push({ path: request.url ?? "", headers: request.headers, json: isJson ? JSON.parse(text) : undefined })
      answer(response)
    })
  })
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
  )
  const until = <A>(read: () => A | undefined) =>
    Effect.map(
      Effect.repeat(Effect.delay(Effect.sync(read), 5), { until: (value) => value !== undefined }),
      (value) => value!
    )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    set: (given) => void (answer = given),
    spans: (count) =>
      until(() => {
        const all = spansIn(taken)
        return all.length >= count ? all : undefined
      }),
    metric: (name, is = () => true) =>
      until(() => {
        const points = pointsIn(taken, name)
        return points !== undefined && is(points) ? points : undefined
      })
  }
})

const valueOf = (value: any): unknown =>
  value.arrayValue === undefined ? Object.values(value)[0] : value.arrayValue.values.map(valueOf)

const attributesOf = (all: ReadonlyArray<any> = []): Readonly<Record<string, unknown>> =>
  Object.fromEntries(all.map(({ key, value }) => [key, valueOf(value)]))

export const resourceOf = ({ json }: Taken): Readonly<Record<string, unknown>> =>
  attributesOf((json.resourceSpans ?? json.resourceMetrics)[0].resource.attributes)

export const spansIn = (taken: ReadonlyArray<Taken>): ReadonlyArray<Span> =>
  taken.flatMap(({ json }) => json?.resourceSpans ?? []).flatMap(({ scopeSpans }: any) =>
    scopeSpans.flatMap(({ spans }: any) =>
      spans.map((span: any) => ({
        ...span,
        attributes: attributesOf(span.attributes),
        text: JSON.stringify(span)
      }))
    )
  )

const pointsIn = (taken: ReadonlyArray<Taken>, name: string): ReadonlyArray<Point> | undefined => {
  const told = taken.findLast(({ json }) => json?.resourceMetrics !== undefined)
  const metric = told?.json.resourceMetrics[0].scopeMetrics[0].metrics.find((one: any) => one.name === name)
  const kind = metric?.sum ?? metric?.gauge ?? metric?.histogram ?? metric?.summary
  return kind?.dataPoints.map((point: any) => ({
    ...point,
    unit: metric.unit,
    attributes: attributesOf(point.attributes)
  }))
}
