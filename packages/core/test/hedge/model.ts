/** Programs of hedged calls, and the rule by which they go, written down as a calculation over moments. */
import { Schema } from "effect"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** What a run of a call comes to, after a time of its own. */
const RunOf = Schema.Struct({
  takes: upTo(9),
  ends: Schema.Literals(["answers", "answers", "fails", "fails", "dies", "hangs"]),
  /** When it has its first token; not before it ends if that is not less than `takes`. */
  speaks: upTo(14),
  /** Whether its finalizer takes a minute. */
  lingers: Schema.Boolean
})
export type RunOf = typeof RunOf.Type

const CallOf = Schema.Struct({
  after: upTo(6),
  runs: Schema.Tuple([RunOf, RunOf, RunOf, RunOf]),
  /** When its caller leaves; 15 for never. */
  leavesAfter: upTo(15),
  attempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
})
export type CallOf = typeof CallOf.Type

export const Program = Schema.Struct({
  delay: upTo(5),
  maxHedges: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  on: Schema.Literals(["firstToken", "result"]),
  ratio: Schema.Literals([0.25, 0.5, 1]),
  burst: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  calls: Schema.Array(CallOf).check(Schema.isMinLength(1), Schema.isMaxLength(4))
})
export type Program = typeof Program.Type

// No two moments are equal: whatever takes time has a bit of its own.
const unit = 100_000_000
export const delayOf = ({ delay }: Program): number => (delay + 1) * unit + 16
export const startOf = ({ calls }: Program, call: number): number =>
  calls.slice(0, call + 1).reduce((at, { after }, i) => at + after * unit + 2 ** i, 0)
const bit = (call: number, run: number) => 2 ** (6 + call * 5 + run)
export const millisOf = ({ takes }: RunOf, call: number, run: number): number => takes * unit + bit(call, run)
export const speaksAfter = ({ speaks, takes }: RunOf, call: number, run: number): number =>
  speaks < takes ? speaks * unit + bit(call, run) : Infinity
export const leavesAfter = ({ leavesAfter }: CallOf, call: number): number =>
  leavesAfter === 15 ? Infinity : leavesAfter * unit + bit(call, 4)

/** What becomes of a call. */
export interface Course {
  /** Undefined while it hangs. */
  readonly end: string | undefined
  readonly at: number
  readonly started: ReadonlyArray<number>
}

export interface Counted {
  readonly primaries: number
  readonly hedges: number
  readonly won: number
  readonly lost: number
  readonly noBudget: number
  readonly noAttempts: number
}

interface State {
  end: string | undefined
  at: number
  readonly started: Array<number>
  readonly running: Map<number, { readonly ends: number; speaks: number }>
  timer: number
  leaves: number
  hedges: number
  attempts: number
  failed: string | undefined
  defects: Array<string>
  winner: number | undefined
  isJudged: boolean
}

export const expected = (program: Program): { readonly courses: ReadonlyArray<Course>; readonly counted: Counted } => {
  const { burst, calls, maxHedges, on, ratio } = program
  const counted = { primaries: 0, hedges: 0, won: 0, lost: 0, noBudget: 0, noAttempts: 0 }
  let budget = burst
  const states: Array<State | undefined> = calls.map(() => undefined)
  const startRun = (call: number, now: number) => {
    const state = states[call]!
    const index = state.started.length
    const run = calls[call]!.runs[index]!
    state.started.push(now)
    state.running.set(index, {
      ends: run.ends === "hangs" ? Infinity : now + millisOf(run, call, index),
      speaks: now + speaksAfter(run, call, index)
    })
  }
  const judge = (state: State, hasWon: boolean) => {
    if (state.isJudged || state.hedges === 0) return
    state.isJudged = true
    if (hasWon) counted.won++
    else counted.lost++
  }
  const over = (state: State, end: string, now: number) => {
    state.end = end
    state.at = now
    state.running.clear()
    state.timer = state.leaves = Infinity
  }
  const win = (state: State, run: number) => {
    if (state.winner !== undefined) return
    state.winner = run
    state.timer = Infinity
    judge(state, run > 0)
  }
  for (;;) {
    const events: Array<readonly [at: number, step: (now: number) => void]> = []
    for (const [call, of] of calls.entries()) {
      const state = states[call]
      if (state === undefined) {
        events.push([startOf(program, call), (now) => {
          counted.primaries++
          budget = Math.min(burst, budget + ratio)
          states[call] = {
            end: undefined,
            at: 0,
            started: [],
            running: new Map(),
            timer: now + delayOf(program),
            leaves: now + leavesAfter(of, call),
            hedges: 0,
            attempts: of.attempts - 1,
            failed: undefined,
            defects: [],
            winner: undefined,
            isJudged: false
          }
          startRun(call, now)
        }])
        continue
      }
      events.push([state.leaves, (now) => over(state, "left", now)])
      events.push([state.timer, (now) => {
        state.timer = Infinity
        if (state.attempts === 0) {
          counted.noAttempts++
          return
        }
        if (budget < 1) {
          counted.noBudget++
          return
        }
        state.attempts--
        budget--
        state.hedges++
        counted.hedges++
        startRun(call, now)
        if (state.hedges < maxHedges) state.timer = now + delayOf(program)
      }])
      for (const [index, run] of state.running) {
        events.push([run.speaks, () => {
          run.speaks = Infinity
          if (on === "result") return
          win(state, index)
          for (const other of state.running.keys()) if (other !== index) state.running.delete(other)
        }])
        events.push([run.ends, (now) => {
          state.running.delete(index)
          const { ends } = of.runs[index]!
          const told = `${ends} ${index}`
          if (ends === "answers") {
            win(state, index)
            return over(state, told, now)
          }
          if (state.winner === index) return over(state, told, now)
          if (index > 0) {
            if (ends === "dies") state.defects.push(told)
          } else {
            state.failed = told
            state.timer = Infinity
            if (ends === "dies") {
              judge(state, false)
              return over(state, told, now)
            }
          }
          if (state.failed === undefined || state.running.size > 0) return
          judge(state, false)
          over(state, [state.failed, ...state.defects].join(), now)
        }])
      }
    }
    const [at, step] = events.reduce((first, event) => event[0] < first[0] ? event : first)
    if (at === Infinity) break
    step(at)
    if (states.every((state) => state !== undefined && state.end !== undefined)) break
  }
  return { counted, courses: states.map((state) => ({ end: state!.end, at: state!.at, started: state!.started })) }
}
