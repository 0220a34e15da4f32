/**
 * The counts of a provider, which overlap, as parts that do not: every token is in exactly one part, whatever the
 * provider wrote.
 */
import type { Used } from "./parts.ts"
import type { ToldUsage } from "./toldUsage.ts"

// Far above any reply, and far enough below the safe integers for sums to stay exact.
const mostTokens = 1e15

/** A number of tokens: whole, not negative, and small enough to be added up; undefined where there is no number. */
export const tokens = (count: unknown): number | undefined =>
  typeof count === "number" && !Number.isNaN(count) ? Math.trunc(Math.min(Math.max(count, 0), mostTokens)) : undefined

/** What is assumed of a side of the call of which nothing was told. */
interface Assumed {
  readonly input: number
  readonly audioInput: number
  readonly output: number
}

/** What each part used; undefined where a side was not told and nothing is assumed. */
export const usedOf = (told: ToldUsage, assumed?: Assumed): Used | undefined =>
  assumed === undefined ? told.used ??= partsIn(told, undefined) : partsIn(told, assumed)

const partsIn = (told: ToldUsage, assumed: Assumed | undefined): Used | undefined => {
  const { cacheMiss, cacheRead = 0, completion, reasoning = 0, toolPrompt = 0, total } = told.counts
  const prompt = told.counts.prompt === undefined ? undefined : told.counts.prompt + toolPrompt
  const hour = told.counts.cacheWrite1h ?? 0
  const written = Math.max(told.counts.cacheWrite ?? 0, (told.counts.cacheWrite5m ?? 0) + hour)
  const cached = cacheRead + written

  const inside = prompt ?? (cacheMiss === undefined ? rest(total, completion) : cacheMiss + cacheRead)
  const outside = completion ?? rest(total, inside)
  const sides = assumed === undefined || total === undefined || inside !== undefined || outside !== undefined
    ? assumed
    : within(total, assumed)
  const into = inside ?? sides?.input
  const out = outside ?? sides?.output
  if (into === undefined || out === undefined) return undefined

  const isApart = prompt !== undefined && cached > 0 && cacheIsApart(told, prompt, out, cached)
  const all = isApart ? into + cached : into
  const isSpoken = inside !== undefined && outside !== undefined
  const said = isSpoken && total !== undefined && total > all + out
    // What the total has more was thought: xAI and Gemini leave it out of the completion.
    ? total - all
    : thoughtIsApart(told, all, out)
    ? out + reasoning
    : out

  const cachedInput = Math.min(cacheRead, all)
  const cacheWrites = Math.min(written, all - cachedInput)
  const cacheWrite1h = Math.min(hour, cacheWrites)
  // Details can overlap each other (the audio of a prompt can be cached), so each takes from what those before it left.
  const spoken = inside === undefined ? sides?.audioInput ?? 0 : told.counts.audioInput ?? 0
  const heard = inside === undefined ? spoken : Math.min(spoken, all - cachedInput - cacheWrites)
  const thought = Math.min(reasoning, said)
  const audioOutput = Math.min(told.counts.audioOutput ?? 0, said - thought)
  return {
    parts: {
      input: inside === undefined ? all - cachedInput - cacheWrites : all - cachedInput - cacheWrites - heard,
      cachedInput,
      cacheWrite: cacheWrites - cacheWrite1h,
      cacheWrite1h,
      audioInput: heard,
      output: said - thought - audioOutput,
      reasoning: thought,
      audioOutput
    },
    isTold: isSpoken && !told.isDoubtful && cacheRead <= all && reasoning <= said
  }
}

/** Whether what touched the cache comes on top of the prompt. The sums tell it; without them, the names do. */
const cacheIsApart = ({ counts, names }: ToldUsage, prompt: number, completion: number, cached: number): boolean => {
  const { reasoning = 0, total } = counts
  const isSum = (sum: number) => total === sum || total === sum + reasoning
  // Whatever a gateway adds up, no more of a prompt can be cached than there is of it.
  if (isSum(prompt + completion) && cached <= prompt) return false
  if (isSum(prompt + completion + cached)) return true
  const apartFrom = names.cacheRead?.apartFrom ?? names.cacheWrite?.apartFrom ?? names.cacheWrite1h?.apartFrom
  return apartFrom !== undefined && (names.prompt?.field === apartFrom || cached > prompt)
}

/** Whether reasoning comes on top of the completion by its name, and no total says otherwise. */
const thoughtIsApart = ({ counts, names }: ToldUsage, prompt: number, completion: number): boolean =>
  names.reasoning?.apartFrom !== undefined && names.reasoning.apartFrom === names.completion?.field &&
  counts.total !== prompt + completion

/** Where only the total was told, the sides are what is assumed of the answer, and the rest. */
const within = (total: number, { output }: Assumed): Assumed => {
  const out = Math.min(output, total)
  return { input: total - out, audioInput: 0, output: out }
}

const rest = (total: number | undefined, other: number | undefined): number | undefined =>
  total === undefined || other === undefined ? undefined : Math.max(total - other, 0)
