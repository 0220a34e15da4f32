/**
 * Other ways to share a budget than that of `budgets.test.ts`, as small models of them: why shares are taken ahead and given back.
 */
import { assert, describe, it } from "@effect/vitest"
import { zipf } from "./limits.ts"

type Name = "even parts" | "a message a call" | "sums each 250 ms" | "parts that are kept"

/** What a way does with a call, and with what it turns out to have cost. */
interface Way {
  readonly fits: (node: number, amount: number) => boolean
  readonly spend: (node: number, amount: number) => void
  /** A call has ended. */
  readonly ended?: () => void
  /** Each node does this every 250 ms. */
  readonly tick?: (node: number, now: number) => void
}

const seconds = 200
const perSecond = 20
const limit = Math.round(seconds * perSecond * 10_857 * 0.85)

class Agenda {
  private readonly entries: Array<readonly [at: number, what: (now: number) => void]> = []

  add(at: number, what: (now: number) => void): void {
    let low = 0
    let high = this.entries.length
    // The next one is the last.
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.entries[middle]![0] > at) low = middle + 1
      else high = middle
    }
    this.entries.splice(low, 0, [at, what])
  }

  run(): void {
    for (let next = this.entries.pop(); next !== undefined; next = this.entries.pop()) next[1](next[0])
  }
}

const randomOf = (seed: number) => {
  let state = seed
  return () => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32
  }
}

const wayOf = (name: Name, nodes: number, sent: () => void): Way => {
  const zeros = () => Array.from({ length: nodes }, () => 0)
  const [own, told, heard, held] = [zeros(), zeros(), zeros(), zeros()]
  let store = 0
  switch (name) {
    case "even parts":
      return {
        fits: (node, amount) => own[node]! + amount <= limit / nodes,
        spend: (node, amount) => own[node]! += amount
      }
    case "a message a call":
      return {
        fits: (_, amount) => {
          sent()
          return store + amount <= limit
        },
        spend: (_, amount) => store += amount,
        ended: sent
      }
    case "sums each 250 ms":
      return {
        fits: (node, amount) => heard[node]! - told[node]! + own[node]! + amount <= limit,
        spend: (node, amount) => own[node]! += amount,
        tick: (node, now) => {
          if (own[node] === told[node] && now % 5000 >= 250) return
          sent()
          store += own[node]! - told[node]!
          told[node] = own[node]!
          heard[node] = store
        }
      }
    case "parts that are kept":
      return {
        fits: (node, amount) => {
          const missing = amount - held[node]!
          if (missing <= 0) return true
          sent()
          const granted = Math.min(Math.max(missing, limit / 1000), limit - store)
          if (granted < missing) return false
          store += granted
          held[node]! += granted
          return true
        },
        spend: (node, amount) => held[node]! -= amount
      }
  }
}

const play = (name: Name, nodes: number, seed: number) => {
  const random = randomOf(seed)
  const agenda = new Agenda()
  const until = seconds * 1300
  let [used, most, calls, messages] = [0, 0, 0, 0]
  let usedBefore: number | undefined
  const way = wayOf(name, nodes, () => messages++)
  const spend = (node: number, amount: number) => {
    used += amount
    most = Math.max(most, used)
    way.spend(node, amount)
  }
  zipf(nodes).forEach((share, node) => {
    const pause = () => -1000 / (perSecond * share) * Math.log(1 - random())
    const call = (now: number) => {
      if (now > until) return
      calls++
      const amount = Math.round(10 * 10_000 ** random())
      if (way.fits(node, amount)) {
        spend(node, amount)
        const actual = Math.round(amount * (0.2 + 1.3 * random()))
        agenda.add(now + 200 + 3000 * random(), () => {
          spend(node, actual - amount)
          way.ended?.()
        })
      } else usedBefore ??= used
      agenda.add(now + pause(), call)
    }
    const tick = (now: number) => {
      if (now > until) return
      way.tick?.(node, now)
      agenda.add(now + 250 * (0.9 + 0.2 * random()), tick)
    }
    agenda.add(pause(), call)
    if (way.tick !== undefined) agenda.add(250 * random(), tick)
  })
  agenda.run()
  return [100 * (usedBefore ?? used) / limit, 100 * most / limit, messages / calls] as const
}

/** Used before the first refusal, the most spent and reserved at once, both in percent, and messages a call: the mean of five seeds. */
const golden: { readonly [W in Name]: { readonly [N in 20 | 200]: readonly [number, number, number] } } = {
  "even parts": { 20: [17.2, 69.7, 0], 200: [2.1, 49.5, 0] },
  "a message a call": { 20: [99.9, 100, 1.8], 200: [99.9, 100, 1.8] },
  "sums each 250 ms": { 20: [100.1, 100.2, 1.1], 200: [100.1, 100.5, 3.2] },
  "parts that are kept": { 20: [98.6, 100, 0.3], 200: [86.4, 91.2, 0.3] }
}

describe("a budget of 200 seconds, of calls that are skewed over the nodes", () => {
  for (const name of Object.keys(golden) as ReadonlyArray<Name>) {
    for (const nodes of [20, 200] as const) {
      it(`is spent by ${nodes} nodes with ${name} as the documentation says`, () => {
        const all = [1, 2, 3, 4, 5].map((seed) => play(name, nodes, seed))
        const means = [0, 1, 2].map((i) => Math.round(all.reduce((sum, each) => sum + each[i]!, 0) * 2) / 10)
        if (process.env.SWITCHGEAR_SHOW !== undefined) console.log("SHOW", name, nodes, JSON.stringify(means))
        assert.deepStrictEqual(means, [...golden[name][nodes]])
      })
    }
  }
})
