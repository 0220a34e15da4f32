/** Streams one after the other on one connection, each with one event, for the time until it comes. */
import type { First, Told } from "./orders.ts"
import { readStream } from "./readStream.ts"

export const first = async ({ target, times }: First): Promise<Told> => {
  const began = performance.now()
  const firsts: Array<number> = []
  for (let i = 0; i < times; i++) firsts.push((await readStream(target, { max_tokens: 1 })).first)
  return { asked: times, times: { 200: firsts }, millis: performance.now() - began, wholeStreams: 0, events: times }
}
