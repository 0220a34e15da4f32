/** Messages about budgets as arguments of the script, and its answers, which are checked as those about circuits. */
import type { BudgetAnswer, BudgetCall } from "./budgetModel.ts"

/** Keys and arguments of the script. `tag` begins all keys of the fleet, in braces. */
export const budgetArguments = (tag: string, { budgets }: BudgetCall): ReadonlyArray<string> => [
  String(budgets.length),
  ...budgets.map(([budget]) => `${tag}:b:${budget}`),
  ...budgets.flatMap(([, { back, heard, keepFor, least, limit, over, spent, want }]) =>
    [limit, want, least, back, over, spent, heard.given, heard.returned, heard.spent, keepFor].map(String)
  )
]

/** What the script answers to a call; undefined where that is no such answer. */
export const budgetReply = (told: unknown, { budgets }: BudgetCall): ReadonlyArray<BudgetAnswer> | undefined => {
  if (!Array.isArray(told) || told.length !== 5 * budgets.length) return undefined
  const answers: Array<BudgetAnswer> = []
  for (const [i, [, { limit, want }]] of budgets.entries()) {
    const [granted, given, returned, spent, before] = told.slice(5 * i, 5 * i + 5).map(amountIn)
    if (
      granted === undefined || given === undefined || returned === undefined || spent === undefined ||
      before === undefined || granted > want || returned > given
    ) return undefined
    answers.push({ granted, sums: { given, returned, spent }, otherLimit: before === limit ? undefined : before })
  }
  return answers
}

/** A whole amount that a number holds exactly; undefined for anything else. */
const amountIn = (text: unknown): number | undefined =>
  typeof text === "string" && /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
