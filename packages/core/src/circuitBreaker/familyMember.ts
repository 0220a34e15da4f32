/** A circuit of a family: where it stands in the queues by which circuits are forgotten, and its part in a fleet. */
import type * as Clock from "effect/Clock"
import type * as Random from "effect/Random"
import type { Place, WaitQueue } from "../internal/data/waitQueue.ts"
import { isShareable } from "../internal/data/isShareable.ts"
import { Circuit } from "./circuit.ts"
import type { Fleet } from "./fleet.ts"
import { LinkedCircuit } from "./linkedCircuit.ts"
import type { BreakerRules } from "./machineModel.ts"

/** What a member needs of its family. */
export interface MemberOwner {
  /** A call has ended of a member that the family does not keep. */
  readonly collect: (member: FamilyMember) => void
  /** A member is not holding any more. */
  readonly letGo: (member: FamilyMember) => void
  /** The fleet has closed a member. */
  readonly freed: (member: FamilyMember, clock: Clock.Clock) => void
}

export interface FamilyMember extends Circuit, Place<FamilyMember> {
  /** The queue that it is in; none when it was forgotten or never kept. */
  queue: WaitQueue<FamilyMember> | undefined
  /** Commands that are running on it: a listener may give another one during the first. */
  commands: number
  key: string
  owner: MemberOwner | undefined
  readonly isByHand: boolean
  readonly isHolding: boolean
  /** The family keeps it from now on. */
  kept(): void
  /** The family has forgotten it. */
  dropped(): void
}

const memberOf = <Base extends new(...options: Array<any>) => Circuit>(
  base: Base
): Base & (new(...options: Array<any>) => FamilyMember) =>
  class extends base implements Place<FamilyMember> {
    before: FamilyMember | undefined = undefined
    after: FamilyMember | undefined = undefined
    queue: WaitQueue<FamilyMember> | undefined = undefined
    commands = 0
    key = ""
    owner: MemberOwner | undefined = undefined

    get isByHand(): boolean {
      return this.state === "ForcedOpen" || this.state === "Disabled" || this.state === "MetricsOnly"
    }

    get isHolding(): boolean {
      return this.inFlight > 0 || this.state !== "Closed" || this.commands > 0
    }

    kept(): void {}

    dropped(): void {}

    protected override ended(): void {
      if (this.queue === undefined) this.owner?.collect(this)
      else if (!this.isHolding) this.owner?.letGo(this)
    }
  }

/** Of a family that is of this process alone. */
export const LocalMember = memberOf(Circuit)

/** Of a family whose circuits are those of the fleet. */
export class SharedMember extends memberOf(LinkedCircuit) {
  private readonly fleet: Fleet
  private leave: (() => void) | undefined

  constructor(
    name: string,
    rules: BreakerRules,
    clock: Clock.Clock,
    random: Pick<Random.Random, "nextDoubleUnsafe">,
    fleet: Fleet
  ) {
    super(name, rules, clock, random)
    this.fleet = fleet
  }

  override kept(): void {
    if (isShareable(this.name)) this.leave = this.fleet.join(this)
  }

  override dropped(): void {
    this.leave?.()
    this.leave = undefined
  }

  override fleetClosed(clock: Clock.Clock, hasOthers: boolean): void {
    super.fleetClosed(clock, hasOthers)
    this.owner?.freed(this, clock)
  }
}
