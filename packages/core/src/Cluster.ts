/**
 * Makes nodes a fleet: circuits with `shared: true` and the same name are one circuit of all nodes. No call waits for the
 * store, but for a probe after an opening, and for a limit or a budget of which too little is booked.
 *
 * **Opening.** A node opens its circuit at once by its own calls, and asks the fleet. The fleet opens when the calls of all
 * nodes together say so, also without the node that reports most failures: one sick node does not close a healthy target for
 * all. Such a node stays open alone, and recovers by its own rules. With `spread: "any"`, the first node that opens opens all.
 *
 * **Recovery.** After the opening, the fleet gives out `halfOpen.calls` probes to all nodes together. The call that asks
 * for one waits for `timeout` at most. After closing, each node lets a growing share of calls pass: `rampUp`, or within 5 seconds
 * from a tenth.
 *
 * **Limits.** Limiters with `shared: true` and the same name have their limits together. A node books turns ahead, and gives back
 * what no call has used. A call waits for the store only where nothing is booked: for the message that is under way and for its own, each
 * for `timeout` at most.
 *
 * **Budgets.** Ledgers whose budgets are `shared` have them together. A node takes a share ahead, and gives back what it does not
 * need. A call waits for the store only where the share is too small for it: for the message that is under way and for the one that asks
 * for it, each for `timeout` at most. A message asks for 64 budgets at most, for those first that were waited for first.
 *
 * **Without the store.** A store that does not answer in time three times in a row is away: each node keeps what it last heard until the end of
 * the opening, and then goes on by itself. Limits and budgets are as `away` says. It tries the store again after 250 ms, and up to 4 seconds later.
 *
 * **Gotchas.** Of several circuits of a node with one name, the first is shared, and the next one when it is gone. A state that is set by hand on a node stays on that node, whatever the fleet does. Names are in keys of the
 * store: they must not be secrets.
 *
 * @since 0.1.0
 * @stability unstable
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as CircuitFleet from "./circuitBreaker/fleet.ts"
import { LimitSyncer, type LimitSyncerRules } from "./cluster/limitSyncer.ts"
import { CurrentBudgetFleet } from "./internal/runtime/budgetLink.ts"
import type { Member } from "./cluster/member.ts"
import { Members } from "./cluster/members.ts"
import type { Control, Options, Status } from "./cluster/model.ts"
import { kind } from "./cluster/observe.ts"
import { Syncer } from "./cluster/syncer.ts"
import { BudgetSyncer } from "./cluster/budgetSyncer.ts"
import { ClusterStore } from "./ClusterStore.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { CurrentLimiterFleet } from "./rateLimiter/fleet.ts"
import * as Registry from "./Registry.ts"

export { kind }
export type { Fleet } from "./circuitBreaker/fleet.ts"
export type { Control, Options, SharedBudgets, SharedLimit, Status } from "./cluster/model.ts"

/**
 * The fleet that this node is part of.
 *
 * @since 0.1.0
 * @category services
 */
export class Cluster extends Context.Service<Cluster, {
  readonly status: Effect.Effect<Status>
  /** Undefined where this node has no such shared circuit. */
  readonly control: (circuit: string) => Control | undefined
}>()("@switchgear/core/Cluster") {}

/**
 * Makes this node part of the fleet whose store is given, for as long as the layer is there. Circuits, limiters and budgets that are
 * made below it are shared where they say so. Circuits that outlive it go on by themselves. Dies with a `RangeError` where an option is out of its range.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Cluster, never, ClusterStore> =>
  Layer.effectContext(Effect.gen(function*() {
    const check = new OptionsOf("Cluster.layer")
    check.known(options, ["interval", "timeout", "heartbeat", "span", "spread", "away", "cover", "ahead", "giveBack"])
    const timeout = check.positive("timeout", options.timeout ?? "50 millis")
    const interval = check.positive("interval", options.interval ?? "250 millis")
    if (interval < timeout) check.refuse("interval", "at least timeout", options.interval)
    const spread = options.spread ?? "agreed"
    if (spread !== "agreed" && spread !== "any") check.refuse("spread", "\"agreed\" or \"any\"", spread)
    const rules: LimitSyncerRules = {
      timeout,
      cover: check.positive("cover", options.cover ?? "100 millis"),
      ahead: check.positive("ahead", options.ahead ?? "200 millis"),
      giveBack: check.positive("giveBack", options.giveBack ?? "200 millis"),
      away: check.oneOf("away", options.away ?? "local", ["local", "open", "closed"])
    }
    const around = yield* Effect.context<ClusterStore | Scope.Scope>()
    const store = Context.get(around, ClusterStore)
    const scope = Context.get(around, Scope.Scope)
    const clock = yield* Clock.Clock
    const node = yield* Effect.map(Random.Random, randomId)
    const heartbeat = check.positive("heartbeat", options.heartbeat ?? "5 seconds")
    const syncer = new Syncer(
      store,
      {
        node,
        interval,
        timeout,
        heartbeat,
        terms: { span: check.positive("span", options.span ?? "1 second"), spread }
      },
      clock,
      () => scope.state._tag === "Closed"
    )
    yield* Effect.forkScoped(syncer.run)
    const budgetSyncer = new BudgetSyncer(
      syncer,
      { interval, timeout, heartbeat, away: rules.away },
      clock,
      (run, end) => {
        Effect.runForkWith(around)(Effect.andThen(Scope.addFinalizer(scope, end), Effect.forkIn(run, scope)))
      }
    )
    const control = (name: string): Control | undefined => {
      const first = syncer.find(name)
      if (first === undefined) return undefined
      // A handle that was kept outlives the circuit that had the name then.
      const command: Member["command"] = (...order) => (syncer.find(name) ?? first).command(...order)
      return {
        trip: (duration) =>
          Effect.sync(() => {
            const millis = new OptionsOf("Cluster.control.trip").positive("duration", duration)
            command("open", millis)
          }),
        forceOpen: Effect.sync(() => command("forceOpen")),
        close: Effect.sync(() => command("close"))
      }
    }
    const cluster: Cluster["Service"] = { status: Effect.sync(() => statusOf(syncer, budgetSyncer)), control }
    yield* Registry.register({ kind, name: "cluster", guard: cluster, critical: false })
    return Context.make(Cluster, cluster).pipe(
      Context.add(CircuitFleet.CurrentFleet, new Members(syncer)),
      Context.add(CurrentBudgetFleet, budgetSyncer),
      Context.add(CurrentLimiterFleet, { link: (limiter, clock) => new LimitSyncer(limiter, clock, rules, syncer) })
    ) as Context.Context<Cluster>
  }))

/**
 * The fleet that circuits with `shared: true` join when they are made. It is for a program that has them join later.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentFleet: Context.Reference<CircuitFleet.Fleet | undefined> = CircuitFleet.CurrentFleet

/** 104 bits. */
const randomId = (random: { readonly nextDoubleUnsafe: () => number }): string =>
  [0, 1].map(() => Math.floor(random.nextDoubleUnsafe() * 2 ** 52).toString(36)).join("")

const statusOf = (syncer: Syncer, budgetSyncer: BudgetSyncer): Status => {
  const members = [...syncer.all]
  return {
    state: syncer.isAway ? "away" : syncer.hasJoined ? "joined" : "joining",
    nodes: syncer.nodes,
    syncs: syncer.syncs,
    timeouts: syncer.timeouts,
    gaps: syncer.gaps,
    dissent: members.filter(({ dissents }) => dissents).map(({ name }) => name),
    rulesDiffer: [
      ...members.flatMap(({ name, otherTerms }) => otherTerms === undefined ? [] : [[name, otherTerms] as const]),
      ...[...syncer.limitSyncers].flatMap((limitSyncer) => limitSyncer.rulesDiffer),
      ...budgetSyncer.differing
    ],
    limits: [...syncer.limitSyncers].flatMap(({ isAway, limiter, meters }) =>
      meters.map(({ booked, givenBack, limit: { resource } }) => ({ limiter, resource, booked, givenBack, isAway }))
    ),
    budgets: budgetSyncer.status
  }
}
