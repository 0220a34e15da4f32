/**
 * A circuit that is joined with those of other nodes. It opens by its own calls at once, and tells it. While the fleet leads,
 * calls after an opening ask the fleet for probes, and their results are told and not judged here.
 *
 * A state that was set by hand on this node stays, whatever the fleet does.
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { Circuit } from "./circuit.ts"
import type { CircuitLink } from "./link.ts"
import type { BreakerRules, Timed } from "./machineModel.ts"
import type { TransitionReason } from "./model.ts"
import { RampUp } from "./rampUp.ts"
import { ToldWindow } from "./toldWindow.ts"

/** Of a fleet that has closed: without `rampUp`, all nodes would send everything at once. */
const defaultRampUp = { over: 5000, from: 0.1 }

export class LinkedCircuit extends Circuit {
  readonly told: ToldWindow
  /** Of the openings in a row, from the first at 1. */
  private readonly lengths: Array<number>
  private link: CircuitLink | undefined
  private readonly random: Pick<Random.Random, "nextDoubleUnsafe">
  /** Whether the fleet, and nobody here, has forced it open: only while it is ForcedOpen. */
  private isForcedByFleet = false

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock, random: Pick<Random.Random, "nextDoubleUnsafe">) {
    const told = new ToldWindow(rules.makeWindow())
    const lengths: Array<number> = []
    super(name, { ...rules, makeWindow: () => told, makeOpenings: () => inOrder(rules.makeOpenings(), lengths) }, clock)
    this.told = told
    this.lengths = lengths
    this.random = random
    // A node without calls yet is judged as the others are.
    if (rules.thresholds.slowCallDuration !== undefined) this.watchSlow()
  }

  /** Without a link it is led by itself. */
  joinBy(link: CircuitLink | undefined): void {
    this.link = link
  }

  /** What the fleet has forced another one into, of whose state it was made, the fleet may end. */
  goOnFrom({ isForcedByFleet, state }: LinkedCircuit): void {
    this.isForcedByFleet = isForcedByFleet && state === "ForcedOpen" && this.state === "ForcedOpen"
  }

  /** By what it is judged, and whether any call can be slow. */
  get judged(): { readonly rules: BreakerRules; readonly watchesSlow: boolean } {
    return { rules: this.rules, watchesSlow: this.watchesSlow }
  }

  /** Calls that are waited for as probes. */
  get probesInFlight(): number {
    return this.state === "HalfOpen" ? this.probes.taken - this.probes.results : 0
  }

  /** How long the opening after so many in a row lasts, in milliseconds. */
  nextOpening(openings: number): number {
    return this.lengthOf(openings + 1)
  }

  protected override moveTo(...change: Parameters<Circuit["moveTo"]>): void {
    if (change[0] === "Closed") this.lengths.length = 0
    this.isForcedByFleet = false
    super.moveTo(...change)
  }

  private get leader(): CircuitLink | undefined {
    const { link } = this
    return link?.leads === true ? link : undefined
  }

  protected override admitsByTime(timed: Timed): boolean {
    const leader = this.state === "Open" || this.state === "HalfOpen" ? this.leader : undefined
    if (leader === undefined) return super.admitsByTime(timed)
    this.askedAt = monotonicMillis(timed.clock)
    this.settle(this.askedAt, timed.clock)
    return this.state === "HalfOpen" && leader.hasProbe
  }

  protected override probeBegan(): void {
    this.leader?.takeProbe()
  }

  override wouldAdmit(timed: Timed): boolean {
    return this.admits(timed) || this.mayAsk
  }

  /** Whether a call may ask the fleet for a probe: after the opening, and not while another one asks. */
  private get mayAsk(): boolean {
    const { leader } = this
    return this.state === "HalfOpen" && leader !== undefined && leader.mayAsk
  }

  override get askForProbe(): Effect.Effect<void> | undefined {
    return this.mayAsk ? this.leader!.askProbe : undefined
  }

  override settle(now: number, clock: Clock.Clock): void {
    const leader = this.state === "Open" || this.state === "HalfOpen" ? this.leader : undefined
    if (leader === undefined) return super.settle(now, clock)
    // A probe that hangs is a failure, whatever becomes of it.
    while (this.state === "HalfOpen" && now >= this.probes.due) {
      this.probes.giveUp()
      leader.probed(true, false, undefined)
    }
    if (this.state === "Open" && now >= this.openUntil) this.moveTo("HalfOpen", this.openUntil, clock, "open-elapsed")
  }

  protected override probed(failed: boolean, slow: boolean, retryAfter: number | undefined): void {
    this.leader?.probed(
      failed,
      slow,
      retryAfter === undefined ? undefined : Math.min(retryAfter, this.rules.maxRetryAfter)
    )
  }

  protected override probeVoided(): void {
    this.leader?.voided()
  }

  protected override decide(now: number, clock: Clock.Clock): void {
    if (this.leader === undefined) super.decide(now, clock)
  }

  protected override open(
    now: number,
    clock: Clock.Clock,
    reason: TransitionReason,
    asked = 0,
    byHand?: number | undefined
  ): void {
    const { state } = this
    super.open(now, clock, reason, asked, byHand)
    if (reason === "fleet" || this.state !== "Open") return
    const mustOpen = reason === "trip-for" || reason === "manual"
    if (state === "Closed" || mustOpen) {
      this.link?.opened(
        mustOpen ? "open" : reason === "consecutive-failures" ? "failedInRow" : "tripped",
        this.openUntil
      )
    }
  }

  override trip(millis: number | undefined, clock: Clock.Clock): void {
    this.settle(monotonicMillis(clock), clock)
    const wasOpen = this.state === "Open"
    super.trip(millis, clock)
    if (wasOpen && millis !== undefined) this.link?.opened("open", this.openUntil)
  }

  /** Whether the fleet may change the state. */
  private get isFree(): boolean {
    return this.state === "Closed" || this.state === "Open" || this.state === "HalfOpen" || this.isForcedByFleet
  }

  /** The fleet is open, for so many milliseconds from now on. */
  fleetOpened(remaining: number, openings: number, clock: Clock.Clock): void {
    if (!this.isFree) return
    // Its end has come already.
    if (remaining <= 0) return this.fleetTries(clock)
    const now = monotonicMillis(clock)
    if (this.state === "Open") {
      this.openUntil = now + remaining
      this.openingsInRow = openings
      return
    }
    this.openingsInRow = Math.max(0, openings - 1)
    this.open(now, clock, "fleet", 0, remaining)
  }

  /** The fleet tries the target. */
  fleetTries(clock: Clock.Clock): void {
    if (!this.isFree || this.state === "HalfOpen") return
    this.moveTo("HalfOpen", monotonicMillis(clock), clock, "fleet")
  }

  /** The fleet is closed. Where there are other nodes, they begin together. */
  fleetClosed(clock: Clock.Clock, hasOthers: boolean): void {
    if (!this.isFree || this.state === "Closed") return
    const now = monotonicMillis(clock)
    const rampUp = this.rules.rampUp ?? (hasOthers ? defaultRampUp : undefined)
    this.moveTo("Closed", now, clock, "fleet")
    // A listener may have changed the state again.
    if ((this.state as string) !== "Closed" || rampUp === undefined) return
    this.ramp = new RampUp(now, rampUp.over, rampUp.from, hasOthers ? this.random.nextDoubleUnsafe() : 1)
  }

  /** The fleet is forced open, which only an operator commands. */
  fleetForced(clock: Clock.Clock): void {
    if (!this.isFree || this.isForcedByFleet) return
    this.moveTo("ForcedOpen", monotonicMillis(clock), clock, "manual")
    this.isForcedByFleet = this.state === "ForcedOpen"
  }

  override command(to: LinkedCircuit["state"], clock: Clock.Clock): void {
    this.isForcedByFleet = false
    super.command(to, clock)
  }
}

/**
 * The lengths of openings, each stepped once: the node asks for the next one to tell it, and again when it comes. One that
 * comes late to its fleet steps through those that it has missed.
 */
const inOrder = (lengthOf: (opening: number) => number, known: Array<number>) => (opening: number): number => {
  const last = Math.min(opening, mostSteps)
  for (let next = Math.max(1, known.length); next <= last; next++) known[next] = lengthOf(next)
  return known[last]!
}

/** From this opening in a row on, all last as long. */
const mostSteps = 100
