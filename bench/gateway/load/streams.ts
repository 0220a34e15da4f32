/** Streams that begin at the same time, read to their ends, with every event looked for. */
import { wholeText } from "../streamed.ts"
import type { Streams, Told } from "./orders.ts"
import { readStream } from "./readStream.ts"

export const streams = async ({ atOnce, target }: Streams): Promise<Told> => {
  const began = performance.now()
  const all = await Promise.all(Array.from({ length: atOnce }, () => readStream(target)))
  return {
    asked: atOnce,
    times: { 200: all.map(({ first }) => first) },
    millis: performance.now() - began,
    wholeStreams: all.filter(({ text }) => text === wholeText).length,
    events: all.reduce((sum, { text }) => sum + text.split(" ").length - 1, 0)
  }
}
