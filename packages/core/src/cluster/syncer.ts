/**
 * Tells the store what the members of this node have to tell, and has them hear the answers.
 *
 * Invariants
 * - One message is under way at a time. Nothing is sent twice, and nothing waits in a queue of the client.
 * - Whoever waits for an answer waits for `timeout` at most. A later answer is heard when it comes, and no new message is sent
 *   before that, for ten seconds.
 * - A store that answers too late for those who wait, time after time, is away until it answers in time: nobody would ever get a probe of it.
 *   So is one that counts each message as late, since its clock or that of the node leaps: nothing that it is told counts.
 * - Changes that were missed have all circuits read at once, and then once in an interval at most: anybody may write to the channel.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { CircuitCall, CircuitEvent, CircuitReply, ClusterStore, StoreFailed } from "../ClusterStore.ts"
import { mostCircuitsOfCall } from "../clusterStore/circuitCall.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { AwayLog, type Deafness, type Part, steadyAfter } from "./awayLog.ts"
import { Bell } from "./bell.ts"
import type { LimitSyncer, LimitSyncerNode } from "./limitSyncer.ts"
import type { BudgetSyncerNode } from "./budgetSyncer.ts"
import { flight, longestWay } from "./flight.ts"
import { LastFlights } from "./lastFlights.ts"
import { longestHeld, type Member, type MemberNode } from "./member.ts"
import { retryPause } from "./retryPause.ts"
import { leaps, silenceOf, timedOut } from "./silence.ts"

export interface SyncRules {
  readonly node: string
  /** Milliseconds, as all others. */
  readonly interval: number
  readonly timeout: number
  readonly heartbeat: number
  readonly terms: MemberNode["terms"]
}

/** Failures in a row from which on the store is away. */
const mostFailures = 3

export class Syncer implements MemberNode, LimitSyncerNode, BudgetSyncerNode {
  readonly clock: Clock.Clock
  readonly terms: MemberNode["terms"]
  readonly timeout: number
  private readonly rules: SyncRules
  /** Whether this node is not part of the fleet any more. */
  private readonly hasLeft: () => boolean
  readonly limitSyncers = new Set<LimitSyncer>()
  readonly lastFlights: LastFlights
  readonly store: ClusterStore["Service"]
  /** Those that were not told of for longest come first. */
  private readonly members = new Map<string, Member>()
  /** Those that may have a probe. */
  private readonly holding = new Set<Member>()
  /** Those that may be pressing. */
  private readonly pressing = new Set<Member>()
  /** Those that may be new. */
  private readonly newcomers = new Set<Member>()
  /** Those that may have to hear of the fleet. */
  private readonly curious = new Set<Member>()
  /** Those whose circuits are gone, and that may have something still to tell. */
  private readonly leaving = new Set<Member>()
  /** Whether more have news than could be told. */
  private isBehind = false
  private readonly bell = new Bell()
  private failures = 0
  /** Why the last message that was not answered was not, in words. */
  private silence = timedOut
  /** The last change that was heard of. */
  private sequence = 0
  /** The last change that the store had made when it answered last. */
  private expected = 0
  /** The time of the store was so much ahead of that of this node, in milliseconds. */
  private ahead: number | undefined
  private lastRead = -Infinity
  /** When circuits were read last because changes were missed, and whether more were missed since. */
  private caughtUpAt = -Infinity
  private hasMissed = false
  /** When changes were listened to last, and since when that has failed again and again. */
  private listensSince = -Infinity
  private deafness: Deafness | undefined
  private readonly awayLog = new AwayLog()
  private budgets: Part | undefined
  nodes = 0
  syncs = 0
  timeouts = 0
  gaps = 0
  lastSync: number | undefined

  constructor(store: ClusterStore["Service"], rules: SyncRules, clock: Clock.Clock, hasLeft: () => boolean) {
    this.store = store
    this.rules = rules
    this.clock = clock
    this.hasLeft = hasLeft
    this.terms = rules.terms
    this.timeout = rules.timeout
    this.lastFlights = new LastFlights(() => monotonicMillis(clock))
  }

  get isAway(): boolean {
    return this.failures >= mostFailures || this.hasLeft()
  }

  /** Whether it has heard of all its circuits. */
  get hasJoined(): boolean {
    for (const member of this.members.values()) if (!member.hasHeard) return false
    return this.lastSync !== undefined
  }

  /** What this node takes for the time of the store, in milliseconds; zero where it has heard none. */
  get said(): number {
    return this.ahead === undefined ? 0 : Math.floor(monotonicMillis(this.clock) + this.ahead)
  }

  readonly wake = (member: Member): void => {
    if (member.isPressing) this.pressing.add(member)
    if (member.isNew) this.newcomers.add(member)
    else if (member.isCurious) this.curious.add(member)
    this.ring()
  }

  /** There may be something to tell. */
  readonly ring = (): void => this.bell.ring()

  add(member: Member): void {
    this.members.set(member.name, member)
    this.wake(member)
  }

  remove(member: Member): void {
    if (this.members.get(member.name) !== member) return
    this.members.delete(member.name)
    member.leave()
    this.holding.delete(member)
    if (this.isAway || this.leaving.size >= mostLeaving) {
      this.pressing.delete(member)
      this.newcomers.delete(member)
      this.curious.delete(member)
    } else {
      this.leaving.add(member)
      this.wake(member)
    }
  }

  find(name: string): Member | undefined {
    return this.members.get(name)
  }

  get all(): Iterable<Member> {
    return this.members.values()
  }

  /** Runs for as long as the node is part of the fleet. */
  get run(): Effect.Effect<never> {
    return Effect.raceFirst(Effect.forever(survived(this.turn)), Effect.forever(survived(this.listening)))
  }

  /** Waits until there is something to tell, and tells it. */
  private readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    const rest = this.isHurried ? Effect.void : Effect.flatMap(this.pause, (millis) => this.rest(millis))
    return rest.pipe(Effect.andThen(this.sync), Effect.andThen(this.tellAway))
  })

  private readonly tellAway: Effect.Effect<void> = Effect.suspend(() => {
    const parts: ReadonlyArray<Part> = this.budgets === undefined
      ? [...this.limitSyncers]
      : [...this.limitSyncers, this.budgets]
    const now = monotonicMillis(this.clock)
    const isAnswered = this.failures === 0
    const away = this.isAway ? this.silence : undefined
    const telling = this.awayLog.tell(away, isAnswered, parts, now)
    if (!isAnswered || this.members.size === 0) return telling
    if (now - this.listensSince >= steadyAfter) this.deafness = undefined
    return Effect.andThen(telling, this.awayLog.tellHearing(this.deafness))
  })

  private get isHurried(): boolean {
    return !this.isAway && (
      hasAny(this.pressing, isPressing) || hasAny(this.newcomers, isNew) ||
      !this.isBehind && hasAny(this.curious, isCurious)
    )
  }

  /** Until the next message that nothing hurries, in milliseconds. */
  private get pause(): Effect.Effect<number> {
    const { isBehind, rules } = this
    return this.isAway
      ? retryPause(() => this.failures - mostFailures)
      : Effect.map(Random.next, (share) => rules.interval / (isBehind ? 5 : 1) * (0.9 + 0.2 * share))
  }

  /** Rests for that long, or until somebody rings; and on while there is nothing to tell, up to a heartbeat. */
  private rest(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isHurried) return Effect.void
      const wait = this.isAway ? Effect.sleep(millis) : this.bell.rungWithin(millis)
      return Effect.flatMap(wait, () => this.mustTell ? Effect.void : this.rest(this.untilNextLook))
    })
  }

  /** Only circuits have something to tell without a ring. Where there are none, the next look is that at which a heartbeat is due. */
  private get untilNextLook(): number {
    const { heartbeat, interval } = this.rules
    if (this.members.size > 0 || this.leaving.size > 0) return interval
    const left = this.lastRead + heartbeat - monotonicMillis(this.clock)
    return interval * Math.max(1, Math.ceil(left / interval))
  }

  private get mustTell(): boolean {
    if (monotonicMillis(this.clock) - this.lastRead >= this.rules.heartbeat) {
      this.readSome()
      return true
    }
    this.catchUp()
    return this.isAway || this.isFirst || this.isHurried || hasAny(this.leaving, hasNews) || this.hasNews
  }

  /** How many nodes there are is asked for at once where limits or budgets are shared. */
  private get isFirst(): boolean {
    return this.lastSync === undefined && (this.limitSyncers.size > 0 || this.budgets !== undefined)
  }

  readonly joinBy = (budgets: Part): void => {
    this.budgets = budgets
    this.ring()
  }

  private get hasNews(): boolean {
    for (const member of this.members.values()) if (member.hasNews) return true
    return false
  }

  private readonly sync: Effect.Effect<void> = Effect.suspend(() => {
    const told = this.chosen()
    const messages = told.map((member) => [member.name, member.message()] as const)
    const call: CircuitCall = {
      node: this.rules.node,
      said: this.said,
      longestWay,
      goneAfter: 3 * this.rules.heartbeat,
      holdFor: this.longestHold(told) + 2 * this.rules.timeout,
      circuits: messages
    }
    const unanswered = () => told.forEach((member) => member.unanswered())
    const hear = (exit: Exit.Exit<CircuitReply, StoreFailed>, inTime: boolean) => {
      if (Exit.isSuccess(exit) && exit.value.circuits.length === told.length) this.hear(exit.value, told, call, inTime)
      else {
        this.failures++
        this.silence = silenceOf(exit)
        unanswered()
      }
    }
    const overdue = Effect.suspend(() => {
      this.timeouts++
      this.failures++
      this.silence = timedOut
      unanswered()
      return Effect.andThen(Effect.sleep(mostFailures * this.rules.interval), this.goAway)
    })
    return Effect.map(
      flight(() => this.store.circuits(call), this.rules.timeout, overdue),
      ({ exit, inTime }) => {
        if (inTime || exit !== undefined && Exit.isSuccess(exit)) hear(exit!, inTime)
      }
    )
  })

  /** The store is away while an answer is overdue. */
  private readonly goAway: Effect.Effect<void> = Effect.suspend(() => {
    this.failures = Math.max(this.failures, mostFailures)
    return this.tellAway
  })

  /**
   * Those whose circuits are gone and that give probes back: the store takes a node to hold no more probes of a name than it says, so they
   * are told of before one that was made again may be granted any. Then those for which others wait, then those whose probes it would soon
   * give to other nodes, then the last counts of those that are gone, then those that have to hear of the fleet, new ones first, then the others
   * that have something to tell. However many there are, only those that are gone or have probes and as many others are looked at as are told,
   * where more have news than that.
   */
  private chosen(): ReadonlyArray<Member> {
    if (this.isAway) this.leaving.clear()
    const chosen = new Set<Member>()
    const hasRoom = (member: Member) => chosen.size <= mostCircuitsOfCall && chosen.add(member) !== undefined
    for (const member of this.leaving) if (member.isPressing && !hasRoom(member)) break
    take(this.pressing, isPressing, hasRoom)
    take(this.holding, holds, (member) => !member.mustHold || hasRoom(member))
    take(this.leaving, hasNews, hasRoom)
    take(this.newcomers, isNew, hasRoom)
    take(this.curious, isCurious, hasRoom)
    for (const member of this.members.values()) if (member.hasNews && !hasRoom(member)) break
    this.isBehind = chosen.size > mostCircuitsOfCall
    const told = [...chosen].slice(0, mostCircuitsOfCall)
    for (const member of told) {
      if (this.pressing.delete(member)) this.pressing.add(member)
      if (this.holding.delete(member)) this.holding.add(member)
      if (this.members.get(member.name) !== member) continue
      this.members.delete(member.name)
      this.members.set(member.name, member)
    }
    return told
  }

  /** A node tells of a probe that runs once half of its time is over, at the first look after that. */
  private longestHold(told: ReadonlyArray<Member>): number {
    const longest = told.reduce(
      (most, { circuit }) => Math.max(most, Math.min(longestHeld, circuit.judged.rules.halfOpenMaxWait)),
      0
    )
    return Math.max(longest, Math.ceil(longest / 2 + 1.1 * this.rules.interval))
  }

  private hear(
    { circuits, nodes, now, sequence }: CircuitReply,
    told: ReadonlyArray<Member>,
    call: CircuitCall,
    inTime: boolean
  ): void {
    const wasAway = this.isAway
    const at = monotonicMillis(this.clock)
    const wasLate = call.said > 0 && now - call.said > call.longestWay
    if (inTime) this.answered(wasLate)
    this.syncs++
    this.nodes = nodes
    this.lastSync = at
    // A later answer is as old as nobody knows.
    if (inTime) {
      this.ahead = now - at
      for (const limitSyncer of this.limitSyncers) limitSyncer.tryAgain(at)
    }
    const isBack = wasAway && !this.isAway
    if (isBack) { for (const member of this.members.values()) member.isBack = true }
    told.forEach((member, i) => {
      const [, message] = call.circuits[i]!
      member.hear(circuits[i]!, wasLate ? { ...message, wish: "nothing" } : message, inTime)
      // One clock or the other has jumped: what nobody waits for any more was wished for again before.
      if (wasLate && inTime) member.uncounted()
      if (member.holds) this.holding.add(member)
    })
    if (isBack) this.readAll()
    // What the store had changed by the last answer was heard by now, or was missed.
    if (this.expected > this.sequence) this.missed(this.expected)
    if (this.syncs === 1) this.sequence = sequence
    // It was emptied.
    if (sequence < this.expected) this.missed(sequence)
    this.expected = sequence
  }

  /** A store that answers is tried again soon, also while it counts nothing. */
  private answered(wasLate: boolean): void {
    this.failures = wasLate ? Math.min(this.failures + 1, mostFailures) : 0
    if (wasLate) this.silence = leaps
  }

  private missed(sequence: number): void {
    this.gaps++
    this.sequence = sequence
    this.hasMissed = true
    this.catchUp()
  }

  private catchUp(): void {
    const now = monotonicMillis(this.clock)
    if (!this.hasMissed || now - this.caughtUpAt < this.rules.interval) return
    this.hasMissed = false
    this.caughtUpAt = now
    this.readAll()
  }

  /**
   * Has those told and heard of that the fleet has opened, which the store would forget, and as many of the others as one call
   * takes: in a family of thousands, the others take turns.
   */
  private readSome(): void {
    this.lastRead = monotonicMillis(this.clock)
    let others = mostCircuitsOfCall
    for (const member of this.members.values()) if (member.isRemarkable || others-- > 0) this.read(member)
  }

  /** Has all circuits told and heard of, those first that the fleet has opened: a store that was emptied, or is an older copy, learns of them. */
  private readAll(): void {
    this.lastRead = monotonicMillis(this.clock)
    this.curious.clear()
    for (const member of this.members.values()) if (member.isRemarkable) this.read(member)
    for (const member of this.members.values()) this.read(member)
    this.ring()
  }

  private read(member: Member): void {
    member.isCurious = true
    this.curious.add(member)
  }

  /** Hears of changes until that fails. From the beginning on and after each failure, all circuits are read. */
  private readonly listening: Effect.Effect<void> = Effect.suspend(() =>
    Effect.scoped(Effect.flatMap(this.store.subscribe, (events) => {
      this.listensSince = monotonicMillis(this.clock)
      this.readAll()
      return Stream.runForEach(events, (event) => Effect.sync(() => this.heard(event)))
    }))
  ).pipe(
    Effect.match({ onFailure: Exit.fail, onSuccess: Exit.succeed }),
    Effect.map((exit) => this.stoppedListening(silenceOf(exit))),
    Effect.andThen(Effect.sleep("1 second"))
  )

  private stoppedListening(silence: string): void {
    const now = monotonicMillis(this.clock)
    const before = now - this.listensSince >= steadyAfter ? undefined : this.deafness
    this.deafness = { since: before?.since ?? now, until: now, silence }
  }

  private heard(event: CircuitEvent): void {
    // A store that was emptied counts from the beginning.
    if (event.sequence !== this.sequence + 1 && this.syncs > 0) this.missed(event.sequence)
    this.sequence = event.sequence
    this.members.get(event.circuit)?.heard(event)
  }
}

const holds = (member: Member): boolean => member.holds

const isPressing = (member: Member): boolean => member.isPressing

const isNew = (member: Member): boolean => member.isNew

const isCurious = (member: Member): boolean => member.isCurious

const hasNews = (member: Member): boolean => member.hasNews

/** Whether any is so. Those that are not any more are taken out. */
const hasAny = (members: Set<Member>, is: (member: Member) => boolean): boolean => {
  for (const member of members) {
    if (is(member)) return true
    members.delete(member)
  }
  return false
}

/** Takes those that are so, while there is room. Those that are not any more are taken out. */
const take = (members: Set<Member>, is: (member: Member) => boolean, hasRoom: (member: Member) => boolean): void => {
  for (const member of members) {
    if (!is(member)) members.delete(member)
    else if (!hasRoom(member)) return
  }
}

/** More circuits that are gone have no last words: a family that forgets so many at once tells little with them. */
const mostLeaving = 1000

/** A fault of a store must not end the work of the node, which nobody would see. */
const survived = (work: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchDefect(
    work,
    (defect) => Effect.andThen(Effect.logError("The store of the fleet has a fault.", defect), Effect.sleep("1 second"))
  )
