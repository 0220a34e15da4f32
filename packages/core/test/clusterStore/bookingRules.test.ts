/** The bound of a limit, against nodes that book all they can, use turns as late as they may, and give back what they have not used. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryTable } from "./histories.ts"

interface Held {
  /** When it is due. */
  readonly from: number
  /** When it may not be used any more. */
  readonly until: number
  readonly askedAt: number
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

/** Times at which turns were used, in order. */
const attack = (
  seed: number,
  { burst, gap }: { readonly burst: number; readonly gap: number }
): ReadonlyArray<number> => {
  const share = numbersOf(seed)
  const among = <A>(...values: ReadonlyArray<A>): A => values[Math.floor(share() * values.length)]!
  const table = new MemoryTable()
  const within = burst * gap + ahead + giveBack + 200
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
    used.push(...held.filter(isDue).map(() => now))
    held = held.filter((turn) => !isDue(turn))
    const back = held.filter(({ until }) => !uses && (now + step >= until || from === Infinity && share() < 0.02))
    held = held.filter((turn) => !back.includes(turn) && turn.until > now)
    if (back.length > 0) onTheWay.push({ at: now + way * share(), said: now, back })
    const tell = (unused: ReadonlyArray<Held>, said: number) => {
      const want = share() < 0.8 ? 1_000_000 : Math.floor(10 * share())
      const oldest = unused.reduce((most, { askedAt }) => Math.max(most, said - askedAt), 0)
      const message = {
        gap,
        burst,
        ahead,
        want,
        back: 0,
        unused: unused.length,
        oldest,
        within,
        latest: burst * gap,
        fullAfter: 0,
        terms: "20:100"
      }
      const [answer] = table.callLimits({ said, longestWay, limits: [["model:requests", message]] }, now * 1000)
      for (let i = 0; i < answer!.granted; i++) {
        const due = now + answer!.first + i * gap
        held.push({ from: due, until: Math.max(due, now) + giveBack, askedAt: now })
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
})
