/** A row for each model, worst first. */
import { html, nothing, type TemplateResult } from "lit"
import { repeat } from "lit/directives/repeat.js"
import * as Format from "../format.ts"
import type { Circuit, Command, Model, State } from "../readings.ts"
import type { Shown } from "../screen.ts"
import { bar } from "./bar.ts"
import { shapeOf } from "./shape.ts"

const badness: Readonly<Record<State, number>> = {
  Open: 5,
  ForcedOpen: 5,
  HalfOpen: 4,
  Disabled: 3,
  MetricsOnly: 2,
  Closed: 0
}

type Keys = Shown["overview"]["providers"]

/** The keys of a model's provider that are parked, for all models or for this one. */
const parkedOf = ({ name, provider }: Model, providers: Keys) => {
  const keys = providers.find(({ name }) => name === provider)?.keys ?? []
  return { of: keys.length, parked: keys.filter(({ models, state }) => state === "parked" || isFor(models, name)) }
}

const isFor = (models: Keys[number]["keys"][number]["models"], name: string): boolean =>
  models.some(({ model }) => model === name)

const badnessOf = (given: Model, providers: Keys): number => {
  const { circuit, limiter } = given
  const { of, parked } = parkedOf(given, providers)
  if (of > 0 && parked.length === of) return 4
  if (circuit === null) return 0
  const { failureRate, slowRate, state, thresholds } = circuit
  const isNear = (rate: number | null, threshold: number | null) =>
    rate !== null && threshold !== null && rate >= threshold / 2
  if (badness[state] > 0) return badness[state]
  return isNear(failureRate, thresholds.failureRate) || isNear(slowRate, thresholds.slowCallRate) ||
      (limiter !== null && limiter.pausedForMillis !== null) || parked.length > 0
    ? 1
    : 0
}

/** Those that are as bad as each other stay in the order of the file, so that rows do not jump. */
export const worstFirst = (models: ReadonlyArray<Model>, providers: Keys): ReadonlyArray<Model> =>
  models.toSorted((a, b) => badnessOf(b, providers) - badnessOf(a, providers))

export const models = (shown: Shown): TemplateResult => {
  const { overview: { models, providers, scope }, words: { columns, models: title } } = shown
  const controls = scope === "control"
  const heads = [
    columns.model,
    columns.state,
    columns.failures,
    columns.slow,
    columns.calls,
    columns.inFlight,
    columns.tokens,
    columns.openings,
    columns.lastError,
    ...controls ? [columns.control] : []
  ]
  return html`<section class="models" aria-label=${title} tabindex="0">
    <table>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${
    repeat(worstFirst(models, providers), ({ name }) => name, (model) => row(shown, model, controls))
  }</tbody>
    </table>
  </section>`
}

const row = (shown: Shown, model: Model, controls: boolean) => {
  const { overview: { providers }, words, words: { columns } } = shown
  const { bulkhead, circuit, lastError, name, provider } = model
  return html`<tr data-model=${name} class=${badnessOf(model, providers) >= 4 ? "bad" : ""}>
    <th scope="row" title=${name}>${name}<small>${provider}</small>${keys(shown, model)}</th>
    <td data-cell="state" data-label=${columns.state}>${
    circuit === null ? html`<span class="quiet">${words.noCircuit}</span>` : state(shown, circuit)
  }</td>
    <td data-cell="failures" data-label=${columns.failures}>${
    circuit === null ? "–" : rate(shown, circuit.failureRate, circuit.thresholds.failureRate, until(shown, circuit))
  }</td>
    <td data-cell="slow" data-label=${columns.slow}>${
    circuit === null ? "–" : rate(shown, circuit.slowRate, circuit.thresholds.slowCallRate)
  }</td>
    <td class="number" data-cell="calls" data-label=${columns.calls}>${
    circuit === null ? "–" : Format.count(circuit.calls)
  }</td>
    <td data-cell="inFlight" data-label=${columns.inFlight}>${
    bulkhead === null
      ? Format.count(circuit?.inFlight ?? 0)
      : html`<span>${Format.count(bulkhead.inFlight)} / ${Format.count(bulkhead.concurrency)}</span>${
        bar(bulkhead.inFlight / bulkhead.concurrency, 1)
      }<small>${columns.queue} <span data-cell="queue">${Format.count(bulkhead.queued)} / ${
        Format.count(bulkhead.queue)
      }</span></small>`
  }</td>
    <td data-cell="tokens" data-label=${columns.tokens}>${limits(shown, model)}</td>
    <td class="number" data-cell="openings" data-label=${columns.openings}>${
    circuit === null ?
      "–" :
      html`${Format.count(circuit.openings)}${
        circuit.openingsInRow > 1 ? html`<small>${words.inRow(circuit.openingsInRow)}</small>` : nothing
      }`
  }</td>
    <td data-cell="lastError" data-label=${columns.lastError}>${
    lastError === null
      ? "–"
      : html`<span title=${lastError.kind}>${lastError.kind}</span><small>${
        lastError.status === null ? nothing : html`<b>${lastError.status}</b>, `
      }${Format.clock(lastError.at)}</small>`
  }</td>
    ${controls ? html`<td data-cell="control" data-label=${columns.control}>${buttons(shown, model)}</td>` : nothing}
  </tr>`
}

const keys = ({ overview: { providers }, words }: Shown, model: Model) => {
  const { of, parked } = parkedOf(model, providers)
  return parked.length === 0
    ? nothing
    : html`<small class="parked" data-cell="keys" title=${
      parked.map(({ because, key }) => because === null ? key : `${key}: ${words.reasons[because] ?? because}`).join(
        ", "
      )
    }>${words.keysParked(parked.length, of)}</small>`
}

const state = ({ age, words }: Shown, { nextRetryMillis, rampUp, reason, state }: Circuit) =>
  html`<span class="state" data-state=${state}>${shapeOf(state)}<b>${words.state[state]}</b></span><small>${
    nextRetryMillis !== null && state === "Open"
      ? html`<span class="countdown">${words.nextProbe(words.span(nextRetryMillis - age))}</span>`
      : nothing
  }${
    rampUp !== null && state === "Closed"
      ? html`<span data-test="ramp-up">${words.rampUp(Format.percent(rampUp))}</span>`
      : nothing
  }${reason === null ? nothing : html`<span>${words.reasons[reason] ?? reason}</span>`}</small>`

const rate = ({ words }: Shown, rate: number | null, threshold: number | null, told?: string) =>
  html`<span>${rate === null ? "–" : Format.percent(rate)} / ${
    threshold === null ? words.off : Format.percent(threshold)
  }</span>${bar(rate ?? undefined, threshold ?? undefined)}${
    told === undefined ? nothing : html`<small>${told}</small>`
  }`

/** A rate is not told before there are enough calls. */
const until = ({ words }: Shown, { calls, failureRate, thresholds: { minimumCalls } }: Circuit): string | undefined =>
  failureRate === null && calls < minimumCalls ? words.needsCalls(calls, minimumCalls) : undefined

const limits = ({ age, words }: Shown, { limiter }: Model) => {
  if (limiter === null) return "–"
  const { limits, pausedForMillis, waiting } = limiter
  return html`${
    pausedForMillis === null
      ? nothing
      : html`<b class="countdown">${words.paused(words.span(pausedForMillis - age))}</b>`
  }${
    limits.map(({ available, capacity, resource }) =>
      html`<span>${words.resource(resource)} ${Format.short(available)} / ${Format.short(capacity)}</span>`
    )
  }${waiting > 0 ? html`<small>${words.waiting(waiting)}</small>` : nothing}`
}

/** The state that a command leads to. */
const reached: Readonly<Record<Command, State>> = { open: "ForcedOpen", close: "Closed", disable: "Disabled" }

const buttons = ({ actions, words }: Shown, model: Model) =>
  model.circuit === null ?
    nothing :
    html`<span class="buttons">${
      (["open", "close", "disable"] as const).map((command) =>
        html`<button type="button" data-command=${command} ?disabled=${
          model.circuit?.state === reached[command]
        } @click=${() => actions.ask(model, command)}>${words.command[command]}</button>`
      )
    }</span>`
