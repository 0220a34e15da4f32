/** Follows the gateway: what was before, then a snapshot a second and every event, again and again until it is told to end. */
import * as Api from "./api.ts"
import { EventStream } from "./eventStream.ts"
import type { Event, Overview, Samples } from "./readings.ts"

export interface Listener {
  readonly began: (samples: Samples) => void
  readonly snapshot: (overview: Overview) => void
  readonly events: (events: ReadonlyArray<Event>) => void
  /** The token is not, or no longer, good. */
  readonly refused: () => void
}

/** A feed that is silent for this long is asked for again. */
const longestSilence = 10_000

const waits = [500, 1000, 2000, 5000]

export const follow = async (token: string, listener: Listener, ended: AbortSignal): Promise<void> => {
  let failures = 0
  while (!ended.aborted) {
    try {
      await once(token, { ...listener, snapshot: (overview) => (failures = 0, listener.snapshot(overview)) }, ended)
    } catch (error) {
      if (ended.aborted) return
      if (error instanceof Api.Refused && (error.status === 401 || error.status === 403)) return listener.refused()
    }
    await new Promise((resolve) => setTimeout(resolve, waits[Math.min(failures++, waits.length - 1)]))
  }
}

const once = async (token: string, listener: Listener, ended: AbortSignal): Promise<void> => {
  const silent = new AbortController()
  const signal = AbortSignal.any([ended, silent.signal])
  let watch = setTimeout(() => silent.abort(), longestSilence)
  const heard = () => {
    clearTimeout(watch)
    watch = setTimeout(() => silent.abort(), longestSilence)
  }
  try {
    listener.began(await Api.samples(token, signal))
    let known = 0
    // The stream begins after the list, and leaves out events for who reads slowly: a snapshot tells the last number.
    const catchUp = async () => {
      const { events, lastId } = await Api.eventsSince(token, known, signal)
      known = lastId
      listener.events(events)
    }
    await catchUp()
    const decoder = new TextDecoder()
    const messages = new EventStream()
    const reader = (await Api.stream(token, signal)).getReader()
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      heard()
      for (const { data, event } of messages.push(decoder.decode(piece.value, { stream: true }))) {
        if (event === "event") {
          if ((JSON.parse(data) as Event).id > known) await catchUp()
        } else if (event === "snapshot") {
          const overview: Overview = JSON.parse(data)
          if (overview.lastEventId > known) await catchUp()
          listener.snapshot(overview)
        }
      }
    }
  } finally {
    clearTimeout(watch)
    silent.abort()
  }
}
