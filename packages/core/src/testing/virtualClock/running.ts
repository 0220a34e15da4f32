/** The work that has begun and has not ended, by the number of its asynchronous resource. */
import { hearCalls } from "./calls.ts"
import type { Resource } from "./node.ts"
import { belongs, ofProcess, ofProgram, strict } from "./owners.ts"
import type { PendingWork, Piece } from "./pendingWork.ts"
import { StackTrace } from "./trace.ts"

/** A piece of work, and the programs whose it is. */
export interface Running {
  readonly piece: Piece
  readonly works: ReadonlyArray<PendingWork>
}

const running = new Map<number, Running>()

// What is cancelled tells nobody: it is looked for whenever there may be twice as much.
const fewest = 256
let sweepAt = fewest

const sweep = (): void => {
  for (const [id, { piece }] of running) if (piece.isOver()) running.delete(id)
  sweepAt = Math.max(fewest, 2 * running.size)
}

export const forgetRunning = (): void => running.clear()

const begin = (id: number, piece: Piece, works: ReadonlyArray<PendingWork>): void => {
  if (running.size >= sweepAt) sweep()
  running.set(id, { piece, works })
  hearCalls()
  for (const work of works) work.begin(piece)
}

/** Begins what tells its end, unless it turns out that it does not. */
export const beginUntilEnd = (id: number, what: string, isOver = never): void =>
  begin(id, untilEnd(what, isOver), ofProcess())

/** A piece of work that ends when the machine likes, and tells it. */
export const untilEnd = (what: string, isOver = never): Piece => ({
  what,
  begun: new StackTrace(),
  wait: "end",
  races: true,
  isOver
})

const never = (): boolean => false

/** Begins what may be cancelled without a notice, and comes in its order. */
export const beginInOrder = (id: number, what: string, resource: Resource): void =>
  beginOfProgram(id, () => ({ what, begun: new StackTrace(), wait: "turns", races: false, isOver: isOver(resource) }))

/** Begins a timer, which comes when the machine likes. What takes a moment only is waited for. */
export const beginTimer = (
  id: number,
  { isBrief, millis, what }: { readonly what: string; readonly millis: number; readonly isBrief: boolean },
  resource: Resource
): void =>
  beginOfProgram(id, () => ({
    what,
    begun: new StackTrace(),
    wait: isBrief ? "turns" : "none",
    millis,
    races: isBrief,
    isOver: isOver(resource)
  }))

/** Begins what goes on outside of this thread. */
export const beginOutside = (id: number, what: string): void => beginOfProgram(id, () => outside(what))

/** A piece of work that comes when the world likes. */
export const outside = (what: string): Piece => ({
  what,
  begun: new StackTrace(),
  wait: "none",
  millis: 0,
  races: false,
  isOver: never
})

const isOver = (resource: Resource) => (): boolean => resource._destroyed

const beginOfProgram = (id: number, piece: () => Piece): void => {
  const works = ofProgram()
  if (works.length > 0) begin(id, piece(), works)
}

export const endRunning = (id: number): void => {
  const one = running.get(id)
  if (one === undefined) return
  running.delete(id)
  for (const work of one.works) work.end(one.piece)
}

/** It calls back, which ends it. */
export const callsBack = (id: number): void => {
  if (running.size === 0) return
  const one = running.get(id)
  if (one === undefined) return
  wake(one)
  endRunning(id)
}

/** It calls back, which programs that are expected to wait for nothing of the kind are told of. */
export const wake = ({ piece, works }: Running): void => {
  // What Effect has begun by itself is the turn of another scheduler.
  if (strict.size === 0 || piece.begun.place === undefined) return
  isWaking = true
  for (const work of strict) if (works.some((one) => belongs(one, work))) work.waking = piece
}
let isWaking = false

/** What has called back is done. */
export const hasCalledBack = (): void => {
  if (!isWaking) return
  isWaking = false
  for (const work of strict) work.waking = undefined
}
