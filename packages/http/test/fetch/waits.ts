/** The waits of clients between their requests: they are noted, and passed over at once, so that nobody waits for them. */

/** Longer ones are time-outs, and shorter ones are no waits of a client. */
const isWait = (millis: number) => millis >= 100 && millis < 60_000

const ofClients =
  /node_modules\/(?:\.pnpm\/[^/]*\/node_modules\/)?(?:openai|openai-6|ai|@ai-sdk|@langchain|@anthropic-ai|p-retry|p-queue)\//

/** Runs with a clock of clients that does not wait, and no chance in it. Gives what they have waited, in milliseconds. */
export const noting = async <A>(run: () => Promise<A>): Promise<{ readonly result: A; readonly waited: number }> => {
  const { random } = Math
  const { setTimeout } = globalThis
  let waited = 0
  const hurried = (f: (...args: ReadonlyArray<unknown>) => void, millis = 0, ...args: ReadonlyArray<unknown>) => {
    if (!isWait(millis) || !ofClients.test(new Error().stack ?? "")) return setTimeout(f, millis, ...args)
    return setTimeout(() => {
      waited += millis
      f(...args)
    }, 1)
  }
  Math.random = () => 0
  globalThis.setTimeout = Object.assign(hurried, setTimeout) as typeof setTimeout
  try {
    return { result: await run(), waited }
  } finally {
    Math.random = random
    globalThis.setTimeout = setTimeout
  }
}
