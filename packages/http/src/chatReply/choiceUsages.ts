/**
 * The usage of a reply whose choices tell theirs, each the prompt and what itself has written: the prompt was read once,
 * and what all have written is paid.
 */
type Fields = Readonly<Record<string, unknown>>

export class ChoiceUsages {
  private readonly told = new Map<number, Fields>()

  /** Takes in what a choice tells, and gives what all of them tell. */
  take(choice: number, usage: Fields): Fields {
    const before = this.told.get(choice)
    if (before === undefined || written(usage) >= written(before)) this.told.set(choice, usage)
    return this.told.size === 1 ? usage : sum([...this.told.values()])
  }
}

const sum = (usages: ReadonlyArray<Fields>): Fields => {
  const [first] = usages as readonly [Fields]
  const prompt = Math.max(...usages.map((usage) => count(usage["prompt_tokens"])))
  const beside = total(usages, (usage) => Math.max(count(usage["total_tokens"]) - count(usage["prompt_tokens"]), 0))
  return {
    ...first,
    prompt_tokens: prompt,
    completion_tokens: total(usages, written),
    ...(usages.some((usage) => usage["total_tokens"] !== undefined) && { total_tokens: prompt + beside }),
    ...(usages.some(hasDetails) && { completion_tokens_details: details(usages.filter(hasDetails)) })
  }
}

const details = (usages: ReadonlyArray<Fields>): Fields => {
  const sums: Record<string, unknown> = {}
  for (const usage of usages) {
    for (const [name, told] of Object.entries(usage["completion_tokens_details"] as object)) {
      sums[name] = count(sums[name]) + count(told)
    }
  }
  return sums
}

const hasDetails = (usage: Fields): boolean =>
  typeof usage["completion_tokens_details"] === "object" && usage["completion_tokens_details"] !== null

const written = (usage: Fields): number => count(usage["completion_tokens"])

const total = (usages: ReadonlyArray<Fields>, of: (usage: Fields) => number): number =>
  usages.reduce((sum, usage) => sum + of(usage), 0)

const count = (told: unknown): number => typeof told === "number" && told > 0 ? told : 0
