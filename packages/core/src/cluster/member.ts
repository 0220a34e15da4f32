/**
 * A circuit of this node as a member of the fleet: what it has heard of the fleet, and what it has still to tell.
 *
 * Invariants
 * - An epoch that is earlier than the one heard changes nothing.
 * - A node that has opened alone is led by itself until its circuit is closed again, and tells nothing meanwhile.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LinkedCircuit } from "../circuitBreaker/linkedCircuit.ts"
import type { CircuitLink } from "../circuitBreaker/link.ts"
import type { CircuitAnswer, CircuitEvent, CircuitMessage, CircuitTerms, FleetState, Wish } from "../ClusterStore.ts"
import { writtenTerms } from "../clusterStore/circuitModel.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { FleetProbes } from "./fleetProbes.ts"
import { type Opening, Orders } from "./orders.ts"
import { OtherNode } from "./otherNode.ts"
import { never, off, otherRules } from "./otherRules.ts"
import { ToldCalls } from "./toldCalls.ts"

/** What a member needs of the node that it belongs to. */
export interface MemberNode {
  readonly clock: Clock.Clock
  /** Whether the store does not answer, or is not asked any more. */
  readonly isAway: boolean
  /** How many nodes there are, with this one. */
  readonly nodes: number
  /** A member has something to tell at once. */
  readonly wake: (member: Member) => void
  /** How long a call waits for a probe, in milliseconds. */
  readonly timeout: number
  readonly terms: Pick<CircuitTerms, "span" | "spread">
}

/** No node holds a probe for longer without a word, in milliseconds: it may be gone. */
export const longestHeld = 10 * 60_000

export class Member implements CircuitLink {
  readonly circuit: LinkedCircuit
  private readonly node: MemberNode
  private epoch = 0
  private state: FleetState = "Closed"
  private until = 0
  private openings = 0
  /** Whether the circuit has opened here and the fleet has not: only while that is Closed. */
  private isAlone = false
  private readonly calls: ToldCalls
  private readonly probes: FleetProbes
  /** What it has the fleet do. */
  private orders = new Orders()
  private nextOpening: number | undefined
  /** When it was told of last. */
  private toldAt = -Infinity
  /** By which terms it judges. */
  private readonly other = new OtherNode<string>()
  /** Whether it has ever heard of the fleet. */
  hasHeard = false
  /** Whether it has to hear of the fleet. */
  isCurious = true
  /** Whether the store was away, and has not said since what the fleet is. */
  isBack = false
  /** Whether its circuit goes on without the fleet: what is left is to tell its last words. */
  private hasLeft = false
  /** The one that has its name on this node now, and tells again what of it is lost. */
  private successor: Member | undefined

  constructor(circuit: LinkedCircuit, node: MemberNode) {
    this.circuit = circuit
    this.node = node
    this.calls = new ToldCalls(circuit)
    this.probes = new FleetProbes(() => node.wake(this))
  }

  /** Goes on from the one that had the name on this node before, with what that has heard of the fleet. */
  goOnFrom(before: Member): void {
    this.epoch = before.epoch
    this.state = before.state
    this.until = before.until
    this.openings = before.openings
    this.hasHeard = before.hasHeard
    this.orders = before.orders
    before.orders = new Orders()
    before.successor = this
    this.circuit.goOnFrom(before.circuit)
    if (this.state === "Closed") this.isAlone = this.hasOpened
    else this.move(this.until - monotonicMillis(this.node.clock))
  }

  get name(): string {
    return this.circuit.name
  }

  /** Whether the fleet gives out probes, or will. One that is forced open never does: a node that is closed by hand meanwhile is led by itself. */
  private get isRunning(): boolean {
    return this.state === "Open" || this.state === "HalfOpen"
  }

  get leads(): boolean {
    return this.isRunning && !this.hasLeft && !this.node.isAway
  }

  /** Whether it is open and the fleet is closed, or the other way round. Another state that was set by hand says so itself. */
  get dissents(): boolean {
    if (this.isAlone) return true
    if (this.state === "Closed" || this.node.isAway) return false
    return this.circuit.state === "Closed" || this.state === "ForcedOpen" && this.hasOpened
  }

  get hasProbe(): boolean {
    return this.probes.held > 0
  }

  takeProbe(): void {
    this.probes.take()
  }

  get mayAsk(): boolean {
    const now = monotonicMillis(this.node.clock)
    // The store gives out none before the end of an opening, which may have ended here by hand.
    return this.probes.mayBeAskedFor(now) && (this.state !== "Open" || now >= this.until)
  }

  get askProbe(): Effect.Effect<void> {
    // Another message may be under way, which the store does not answer.
    return Effect.asVoid(Effect.timeoutOption(this.probes.ask, this.node.timeout))
  }

  probed(failed: boolean, slow: boolean, retryAfter: number | undefined): void {
    this.probes.probed(failed, slow, retryAfter)
  }

  voided(): void {
    this.probes.voided()
  }

  opened(by: Opening, until: number): void {
    this.orders.open(by, until)
    this.node.wake(this)
  }

  /** Has all nodes follow a command, and this one at once: the store may be away. A state set by hand on this node stays. */
  command(wish: "open" | "forceOpen" | "close", openFor = 0): void {
    const { circuit, node: { clock, nodes } } = this
    const now = monotonicMillis(clock)
    if (wish === "open") {
      if ((circuit.retryIn(now) ?? -1) < openFor) circuit.trip(openFor, clock)
      return this.opened("open", now + openFor)
    }
    if (wish === "forceOpen") circuit.fleetForced(clock)
    else circuit.fleetClosed(clock, nodes > 1)
    this.orders.command(wish)
    this.node.wake(this)
  }

  /** Its circuit is gone. A probe that no call has taken goes back, and whoever waits for one waits no more. */
  leave(): void {
    this.hasLeft = true
    this.isCurious = false
    this.probes.giveBack()
    this.probes.refused(monotonicMillis(this.node.clock))
  }

  /** Whether the store would forget something of it that is not told again. */
  get isRemarkable(): boolean {
    return this.state !== "Closed"
  }

  /** Whether others wait for what it has to tell: an opening, a probe or a command. */
  get isPressing(): boolean {
    return this.orders.wish !== "nothing" || this.probes.arePressing
  }

  /** Whether its first call waits for what the fleet has decided. */
  get isNew(): boolean {
    return this.isCurious && !this.hasHeard
  }

  /** Whether there is anything to tell. */
  get hasNews(): boolean {
    this.reunite()
    return this.isPressing || this.isCurious || this.tellsCalls && this.calls.areUntold || this.mustHold
  }

  /** Its calls that are probes. */
  private get probesRunning(): number {
    return this.hasLeft ? 0 : this.circuit.probesInFlight
  }

  /** Whether a call of it is a probe of the fleet, or may be one soon. */
  get holds(): boolean {
    return this.leads && this.probes.held + this.probesRunning > 0
  }

  /** Whether the store would soon take a probe that runs for one of a node that is gone. */
  get mustHold(): boolean {
    if (!this.leads || this.probesRunning === 0) return false
    const hold = Math.min(longestHeld, this.circuit.judged.rules.halfOpenMaxWait)
    return monotonicMillis(this.node.clock) - this.toldAt >= hold / 2
  }

  /** What is told now. It counts as told from here on. */
  message(): CircuitMessage {
    const now = monotonicMillis(this.node.clock)
    const { circuit } = this
    this.toldAt = now
    // Time may have changed it: a call in flight that is slow by now counts.
    circuit.settle(now, this.node.clock)
    this.reunite()
    const told = this.tellsCalls ? this.calls.tell(now) : this.calls.skip()
    const { openFor, wish } = this.orders.tell(now)
    this.isCurious = false
    return {
      epoch: this.epoch,
      state: this.state,
      remaining: Math.ceil(Math.max(0, this.until - now)),
      openings: this.openings,
      ...told,
      wish: wish !== "nothing" ? wish : this.probes.areAskedFor ? "probe" : "nothing",
      openFor: Math.ceil(wish !== "nothing" ? openFor : this.nextOpening ??= circuit.nextOpening(this.openings)),
      terms: this.terms,
      probes: this.probes.tell(this.probesRunning)
    }
  }

  /** What was alone is not once it is closed, or what somebody has set it to by hand. */
  private reunite(): void {
    if (this.isAlone && !this.hasOpened) this.isAlone = false
  }

  /** Whether its circuit has opened, and has not closed since. */
  private get hasOpened(): boolean {
    return this.circuit.state === "Open" || this.circuit.state === "HalfOpen"
  }

  private get terms(): CircuitTerms {
    const { rules, watchesSlow } = this.circuit.judged
    const { window } = rules.thresholds
    const { span, spread } = this.node.terms
    return {
      ...window._tag === "Lasting"
        ? { size: 0, span: Duration.toMillis(window.duration) }
        : { size: window.calls, span },
      minimumCalls: rules.minimumCalls,
      failureRate: Math.min(off, rules.failureRate),
      slowCallRate: watchesSlow ? rules.slowCallRate : off,
      probes: rules.halfOpenCalls,
      probeFailureRate: Math.min(off, rules.halfOpenFailureRate),
      probeFailuresInRow: Math.min(never, rules.consecutiveFailures),
      spread
    }
  }

  /** Whether the fleet counts its calls. */
  private get tellsCalls(): boolean {
    return this.state === "Closed" && !this.isAlone
  }

  /** In which options another node judges by other terms, in words; undefined where none did lately. */
  get otherTerms(): string | undefined {
    const said = this.other.said(monotonicMillis(this.node.clock))
    return said === undefined || said === writtenTerms(this.terms) ? undefined : otherRules(this.terms, said)
  }

  /** The fleet is closed, and its window begins at `from`. */
  private heardClosed(from: number, asked: Wish): void {
    this.calls.windowBegins(from)
    // An opening that is over before its message reaches the store is told to nobody.
    if (this.orders.isDone || asked === "tripped" || asked === "failedInRow") this.isAlone = this.hasOpened
  }

  /** The fleet is what it was when this node commanded it to close. */
  private closeAgain(): void {
    if (this.isBack || this.node.isAway || this.hasLeft) return this.orders.giveUpClose()
    this.orders.closeAgain()
    this.node.wake(this)
  }

  /** The answer to a message. `inTime` is whether somebody still waits for it. */
  hear(answer: CircuitAnswer, { epoch, wish: asked }: Pick<CircuitMessage, "epoch" | "wish">, inTime: boolean): void {
    const now = monotonicMillis(this.node.clock)
    this.other.heard(answer.otherTerms, now)
    this.hasHeard = true
    if (answer._tag === "Closed") {
      // A change that the store made later may have been heard of before.
      this.follow(epoch, "Closed", 0, 0)
      if (epoch === this.epoch) {
        this.heardClosed(now - answer.age, asked)
        if (this.orders.isCloseLost) this.closeAgain()
      }
      if (inTime) this.isBack = false
      if (asked === "probe") this.probes.refused(now)
      return
    }
    this.follow(answer.epoch, answer.state, answer.remaining, answer.openings)
    if (this.orders.isCloseLost && answer.epoch === this.epoch) this.closeAgain()
    if (this.isBack && inTime) this.rejoin()
    if (answer.isGranted) {
      if (inTime && answer.epoch === this.epoch) this.probes.granted()
      else this.probes.voided()
    }
    // A message that wished for something else was no question of those who ask now.
    if (!inTime || asked !== "probe") return
    if (answer.isGranted) this.probes.answered()
    else this.probes.refused(now)
  }

  /** Nobody waits for the answer to a message any more. */
  unanswered(): void {
    if (this.successor !== undefined) return this.successor.unanswered()
    if (!this.hasLeft) this.orders.unanswered(this.circuit.state)
    this.isCurious = !this.hasLeft
    this.node.wake(this)
    this.probes.refused(monotonicMillis(this.node.clock))
  }

  /** The store took nothing of the last message. */
  uncounted(): void {
    if (this.successor !== undefined) return this.successor.uncounted()
    if (!this.hasLeft) this.orders.wishAgain(this.circuit.state)
    this.isCurious = !this.hasLeft
    this.node.wake(this)
  }

  /** A circuit that went on by itself while the store was away, and has closed, goes on with the fleet. */
  private rejoin(): void {
    this.isBack = false
    if (this.isRunning && this.circuit.state === "Closed") this.move(this.until - monotonicMillis(this.node.clock))
  }

  /** All nodes were told of a change. */
  heard({ epoch, openings, remaining, state }: CircuitEvent): void {
    this.follow(epoch, state, remaining, openings)
  }

  private follow(epoch: number, state: FleetState, remaining: number, openings: number): void {
    // No store says two states of one epoch: somebody has written there, and all nodes are to agree.
    if (epoch < this.epoch || epoch === this.epoch && state === this.state) return
    this.epoch = epoch
    this.state = state
    this.until = monotonicMillis(this.node.clock) + remaining
    this.orders.changed(state, this.until)
    if (openings !== this.openings) this.nextOpening = undefined
    this.openings = openings
    this.probes.forget()
    this.calls.windowIsEmpty()
    this.isAlone = false
    this.move(remaining)
  }

  /** Brings the circuit into the state of the fleet, which lasts for so many milliseconds where it ends by itself. */
  private move(remaining: number): void {
    if (this.hasLeft) return
    const { circuit, node: { clock }, openings } = this
    switch (this.state) {
      case "Open":
        return circuit.fleetOpened(remaining, openings, clock)
      case "HalfOpen":
        return circuit.fleetTries(clock)
      case "ForcedOpen":
        return circuit.fleetForced(clock)
      case "Closed":
        circuit.fleetClosed(clock, this.node.nodes > 1)
        // What was counted before belongs to an epoch that is over.
        this.calls.skip()
    }
  }
}
