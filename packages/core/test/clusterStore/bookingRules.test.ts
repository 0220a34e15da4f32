/** The bound of a limit, against nodes that book all they can, use turns as late as they may, and give back what they have not used. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryTable } from "./histories.ts"

interface Held {
  /** When it is due. */
  readonly from: number
  /** When it may not be used any more. */
  readonly until: number
  readonly askedAt: number
  /** Whether it was given out before the limit was changed. */
  readonly isOld: boolean
}

/** Numbers from 0 to 1 that a seed stands for. */
const numbersOf = (seed: number) => {
  let state = seed
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (Math.imul(state ^ state >>> 12, 0x297a2d39) >>> 0) / 2 ** 32
  }
}

const ahead = 200
const giveBack = 200
const longestWay = 2000
const began = 1_700_000_000_000

const attacks = Number(process.env.SWITCHGEAR_RUNS ?? 60)

interface Terms {
  readonly burst: number
  readonly gap: number
}

const inWords = ({ burst, gap }: Terms): string => `${burst}:${1000 / gap}`

/** Times at which turns were used, in order; where the limit was another one for two seconds, those that were given out since. */
const attack = (seed: number, { burst, gap }: Terms, earlier?: Terms): ReadonlyArray<number> => {
  const share = numbersOf(seed)
  const among = <A>(...values: ReadonlyArray<A>): A => values[Math.floor(share() * values.length)]!
  const table = new MemoryTable()
  const changedAt = began + (earlier === undefined ? 0 : 2000)
  const step = among(1, 5, 20, 70)
  // Everything comes back before that, and is used from then on; or anything may happen at any time.
  const from = among(0, 500, 1000, 2000, Infinity)
  const usedOf = from === Infinity ? among(0.1, 0.5, 0.9) : 1
  const way = among(0, 0, 0, 40, 400)
  const usesAtOnce = among(true, false, false)
  const used: Array<number> = []
  const onTheWay: Array<{ readonly at: number; readonly said: number; readonly back: ReadonlyArray<Held> }> = []
  let held: Array<Held> = []
  for (let now = began; now < began + 5000; now += step) {
    const passed = now - began
    const uses = passed >= from || from === Infinity && share() < usedOf
    const isDue = ({ from, until }: Held) => uses && now >= from && (usesAtOnce || now + step >= until)
    const { burst: most, gap: every } = now < changedAt ? earlier! : { burst, gap }
    used.push(...held.filter((turn) => isDue(turn) && !turn.isOld).map(() => now))
    held = held.filter((turn) => !isDue(turn))
    const back = held.filter(({ until }) => !uses && (now + step >= until || from === Infinity && share() < 0.02))
    held = held.filter((turn) => !back.includes(turn) && turn.until > now)
    if (back.length > 0) onTheWay.push({ at: now + way * share(), said: now, back })
    const tell = (unused: ReadonlyArray<Held>, said: number) => {
      const want = share() < 0.8 ? 1_000_000 : Math.floor(10 * share())
      const oldest = unused.reduce((most, { askedAt }) => Math.max(most, said - askedAt), 0)
      const message = {
        gap: every,
        burst: most,
        ahead,
        want,
        back: 0,
        unused: unused.length,
        oldest,
        within: most * every + ahead + giveBack + 200,
        latest: most * every,
        fullAfter: 0,
        terms: inWords({ burst: most, gap: every }),
        // It is said each time: what was said before does no harm.
        before: now < changedAt || earlier === undefined ? "" : inWords(earlier),
        scale: earlier === undefined ? 1 : gap / earlier.gap
      }
      const [answer] = table.callLimits({ said, longestWay, limits: [["model:requests", message]] }, now * 1000)
      for (let i = 0; i < answer!.granted; i++) {
        const due = now + answer!.first + i * every
        held.push({ from: due, until: Math.max(due, now) + giveBack, askedAt: now, isOld: now < changedAt })
      }
    }
    for (const { back, said } of onTheWay.filter(({ at }) => at <= now)) tell(back, said)
    onTheWay.splice(0, Infinity, ...onTheWay.filter(({ at }) => at > now))
    tell([], now)
  }
  return used
}

const mostIn = (times: ReadonlyArray<number>, span: number): number => {
  let [most, from] = [0, 0]
  times.forEach((at, i) => {
    while (at - times[from]! >= span) from++
    most = Math.max(most, i - from + 1)
  })
  return most
}

describe("the turns that are used in a span", () => {
  for (const limit of [{ burst: 20, gap: 10 }, { burst: 1, gap: 10 }, { burst: 100, gap: 50 }, { burst: 5, gap: 1 }]) {
    it(
      `are never more than one, the burst, and what comes in meanwhile and in giveBack: ${limit.burst}, ${limit.gap} ms`,
      () => {
        let closest = 0
        for (let seed = 1; seed <= attacks; seed++) {
          const used = attack(seed, limit)
          for (const span of [20, 200, 1000, 3000]) {
            const bound = 1 + limit.burst + (span + giveBack) / limit.gap
            const most = mostIn(used, span)
            assert.isAtMost(most, bound, `seed ${seed}, ${span} ms`)
            closest = Math.max(closest, most / bound)
          }
        }
        assert.isAbove(closest, 0.9)
      },
      5000 + 60 * attacks
    )
  }

  for (const earlier of [{ burst: 1000, gap: 20 }, { burst: 100, gap: 1 }, { burst: 5, gap: 100 }]) {
    it(
      `are not more where the limit was ${earlier.burst} and ${earlier.gap} ms before, and what was given out by that comes back`,
      () => {
        let closest = 0
        for (let seed = 1; seed <= attacks; seed++) {
          const used = attack(seed, { burst: 20, gap: 10 }, earlier)
          for (const span of [20, 200, 1000, 3000]) {
            const bound = 1 + 20 + (span + giveBack) / 10
            const most = mostIn(used, span)
            assert.isAtMost(most, bound, `seed ${seed}, ${span} ms`)
            closest = Math.max(closest, most / bound)
          }
        }
        assert.isAbove(closest, 0.8)
      },
      5000 + 60 * attacks
    )
  }
})

describe("a limit that is changed", () => {
  const message = ({ burst, gap }: Terms, want: number, before?: Terms) => ({
    gap,
    burst,
    ahead: 0,
    want,
    back: 0,
    unused: 0,
    oldest: 0,
    within: 0,
    latest: 0,
    fullAfter: 0,
    terms: inWords({ burst, gap }),
    before: before === undefined ? "" : inWords(before),
    scale: before === undefined ? 1 : gap / before.gap
  })
  const large = { burst: 1000, gap: 3600 }
  const small = { burst: 20, gap: 3000 }
  const granted = (...messages: ReadonlyArray<ReturnType<typeof message>>) => {
    const table = new MemoryTable()
    return messages.map((message) =>
      table.callLimits({ said: 0, longestWay, limits: [["model:requests", message]] }, began * 1000)[0]!.granted
    )
  }

  it("keeps what is used, at most its bucket", () => {
    assert.deepStrictEqual(granted(message(large, 5), message(small, 100, large)), [5, 15])
    assert.deepStrictEqual(granted(message(large, 500), message(small, 100, large)), [500, 0])
    assert.deepStrictEqual(granted(message(small, 12), message(large, 2000, small)), [12, 988])
  })

  it("is changed once, whoever says so again, or has other terms", () => {
    const again = [message(small, 7), message(large, 100, small), message(small, 0), message(large, 2000, small)]
    assert.deepStrictEqual(granted(...again), [7, 100, 0, 893])
    assert.deepStrictEqual(granted(message(large, 500), message(small, 100), message(large, 1000)), [500, 0, 500])
  })

  it("is used no further than its bucket once the last node was told, whatever others booked until then, or changed before they left", () => {
    const all: ReadonlyArray<Terms> = [large, small, { burst: 10, gap: 10 }, { burst: 1, gap: 86_400_000 }]
    for (let seed = 1; seed <= 2000; seed++) {
      const share = numbersOf(seed)
      const last = all[Math.floor(share() * all.length)]!
      const others = all.filter((terms) => terms !== last)
      const draw = () => others[Math.floor(share() * others.length)]!
      const table = new MemoryTable()
      let now = began
      const tell = (terms: Terms, want: number, before?: Terms) => {
        now += 1000 * share()
        const call = { said: 0, longestWay, limits: [["model:requests", message(terms, want, before)]] as const }
        return table.callLimits(call, now * 1000)[0]!
      }
      const nodes = Array.from({ length: 4 }, draw)
      for (let step = 0; step < 8; step++) {
        const i = Math.floor(share() * nodes.length)
        const before = nodes[i]!
        if (share() < 0.3) nodes[i] = draw()
        tell(nodes[i]!, Math.floor(20 * share()), nodes[i] === before ? undefined : before)
      }
      if (share() < 0.5) nodes.shift()
      for (const [i, before] of nodes.entries()) {
        for (const terms of nodes.slice(i)) tell(terms, Math.floor(20 * share()))
        const { first, granted } = tell(last, 1, before)
        if (i < nodes.length - 1) continue
        assert.isAtMost(first, granted === 1 ? 0 : last.gap, `seed ${seed}`)
      }
    }
  })

  it("is told to a node that starts with it, whose bucket others have used up by another one", () => {
    const table = new MemoryTable()
    const tell = (at: number, ...told: Parameters<typeof message>) => {
      const call = { said: 0, longestWay, limits: [["model:requests", message(...told)]] as const }
      return table.callLimits(call, (began + at) * 1000)[0]!
    }
    tell(0, large, 500)
    tell(1, small, 1, large)
    tell(2, large, 500)
    assert.strictEqual(tell(3, small, 1).otherTerms, inWords(large))
    // It is the one before that would be told otherwise, which is the same.
    assert.strictEqual(tell(4, small, 1).otherTerms, inWords(large))
    tell(5, small, 1, large)
    assert.strictEqual(tell(6, small, 1).otherTerms, undefined)
    assert.strictEqual(tell(60_005, small, 20).granted, 20)
  })
})
