/**
 * Bills every reply, adds up costs by model and by tenant, and rejects calls that exceed a budget.
 *
 * {@link CostLedger.protect} wraps a chat model. Each answer gets a {@link Bill}: what it cost, and what it saved
 * compared with the primary model. A cost that the provider reports is preferred to the prices. A cached answer costs
 * nothing and saves what the primary would have cost. A canned reply costs nothing and uses no tokens. Bills are added
 * up by model and by tenant. {@link withTenant} names the tenant.
 *
 * A budget is an amount of dollars in a window of time, for each tenant or for all together. Before a call, the most it
 * is expected to cost is reserved; after it, the actual cost replaces the reservation, in the window in which it was made.
 * If the reservation exceeds the budget, the call is not made and fails with {@link BudgetExceeded}, which says when the
 * budget resets.
 *
 * A call without an answer gets back what surely is not billed: all of it, where a guard or the provider refused it. A
 * call that was timed out, lost, or left by its caller spends the estimate of its prompt; a whole reply that broke off
 * spends also the longest answer. Attempts that failed before an answer are spent beside it.
 *
 * **Order.** Outermost, around a cascade with its cache: one reservation and one bill for each request.
 *
 * **How far a budget can be overspent.** Not at all by calls that cost no more than was reserved for them, however many
 * run at once. Otherwise by what the calls that were in flight when the budget filled up cost above their reservations
 * together. The reservation is made of `Pricing.estimateTokens`, at the highest price of `models`, and at most a whole
 * budget; above it are attempts beyond the first, images and audio that cost more than their estimate, a request without
 * `max_tokens` whose reply is longer than `assumedOutput`, and a request that alone exceeds a budget.
 *
 * **Streams.** A streamed answer is billed at its end. One that broke off, or whose reader stopped early, is billed by
 * the usage so far or an estimate of the prompt, and by the bytes of the content that came after.
 *
 * **Shared calls.** Callers that share one call of a cascade pay for it once. The first that waits for it pays; if it
 * leaves, the next one does. The answers of the others are free, with the model `"shared"`.
 *
 * **Fleet.** With a `Cluster` around, a budget with `shared: true` is one of all nodes whose ledgers have the same `name`. A node
 * takes shares ahead and reserves from them. A call waits for the store only where the share is too small for it and the fleet may
 * have more, for two messages of at most the `timeout` of the `Cluster` each, and where several budgets are shared up to four times. The bound is the same, whatever happens to nodes and messages; while the
 * store does not answer, it is as `away` of the `Cluster` says.
 *
 * **Gotchas.** A budget that is not shared is kept by this process: N processes spend up to N times as much. A reply whose true cost is
 * not known in full counts at least as much as was reserved for it. Each window of the calendar has its budget once,
 * whatever the clock does. Each name of a tenant has a budget: where callers choose the names, `overall` is the bound.
 *
 * ```ts
 * import { ChatModel, CostLedger, Pricing } from "@switchgear/http"
 * import { Effect } from "effect"
 *
 * const model = ChatModel.of({
 *   name: "gpt-4.1",
 *   complete: () =>
 *     Effect.succeed({
 *       step: "gpt-4.1",
 *       degradation: "none",
 *       failures: [],
 *       attempts: 1,
 *       possiblyBilledAttempts: 1,
 *       value: {
 *         choices: [{ message: { content: "Hello!" }, finish_reason: "stop" }],
 *         usage: { prompt_tokens: 500, completion_tokens: 300 }
 *       }
 *     })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const ledger = yield* CostLedger.make({
 *     prices: { "gpt-4.1": Pricing.price({ input: 2.5, output: 8 }) },
 *     primary: "gpt-4.1",
 *     budgets: [CostLedger.perTenant(0.01, "day")]
 *   })
 *   const { complete } = ledger.protect(model)
 *   const ask = complete({ messages: [{ role: "user", content: "Hello" }], max_tokens: 800 })
 *   const { bill } = yield* ask.pipe(CostLedger.withTenant("acme"))
 *   const refused = yield* Effect.flip(Effect.forever(ask.pipe(CostLedger.withTenant("acme"))))
 *   const { bill: another } = yield* ask.pipe(CostLedger.withTenant("another"))
 *   return { bill, refused, another }
 * })
 *
 * const { another, bill, refused } = await Effect.runPromise(program)
 * bill.cost.total // => 3_650
 * refused.spent // => 3_650
 * another.cost.total // => 3_650
 * ```
 *
 * @since 0.1.0
 */
import * as Registry from "@switchgear/core/Registry"
import { inContext } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as ChatModel from "./ChatModel.ts"
import { seal } from "./chatRequest/sealedRequest.ts"
import type { Entry } from "./costLedger/entry.ts"
import { Asking, Ledger } from "./costLedger/ledger.ts"
import type { Bill, BudgetState, Snapshot, TenantSnapshot, Totals } from "./costLedger/model.ts"
import type { Budget, Options } from "./costLedger/options.ts"
import { BudgetExceeded, InvalidOption, PriceMissing } from "./costLedger/errors.ts"
import { CurrentTenant } from "./costLedger/currentTenant.ts"
import { kind } from "./costLedger/observe.ts"
import { optionsCodec } from "./costLedger/optionsCodec.ts"
import { CurrentPredecessor, noteLedger } from "./costLedger/predecessor.ts"
import { rulesOf } from "./costLedger/rules.ts"
import { BegunBill, StreamBill } from "./costLedger/streamBill.ts"
import { Billing, EntryEnding, observing } from "./costLedger/wholeBill.ts"
import type * as Pricing from "./Pricing.ts"

export { BudgetExceeded, CurrentTenant, InvalidOption, kind, PriceMissing }
export type { Bill, Budget, BudgetState, Options, Snapshot, TenantSnapshot, Totals }

/**
 * A budget of dollars in a window, for each tenant. With `shared: true` it is one of all nodes of a fleet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const perTenant = (
  dollars: number,
  window: Budget["window"],
  options?: Pick<Budget, "shared"> | undefined
): Budget => ({ ...options, per: "tenant", dollars, window })

/**
 * A budget of dollars in a window, for all tenants together. With `shared: true` it is one of all nodes of a fleet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const overall = (
  dollars: number,
  window: Budget["window"],
  options?: Pick<Budget, "shared"> | undefined
): Budget => ({ ...options, per: "all", dollars, window })

/**
 * {@link Options} as they are written in YAML or JSON, with `prices` in dollars for a million tokens and each budget as
 * `{ per, dollars, window }`; `estimate` is added in code. A field that is wrong or unknown is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, unknown> = optionsCodec

/**
 * An answer with its bill.
 *
 * @category models
 * @since 0.1.0
 */
export interface BilledAnswer extends ChatModel.Answer {
  readonly bill: Bill
}

/**
 * A streamed answer with its bill.
 *
 * @category models
 * @since 0.1.0
 */
export interface BilledOpenAnswer extends ChatModel.OpenAnswer {
  /** The bill, which is made when the stream has ended, or its reader has left. */
  readonly bill: Effect.Effect<Bill>
}

/**
 * A chat model whose answers are billed.
 *
 * @category models
 * @since 0.1.0
 */
export interface BilledModel<out E> extends ChatModel.ChatModel<E> {
  readonly complete: (request: ChatModel.Request) => Effect.Effect<BilledAnswer, E>
  readonly open: (request: ChatModel.Request) => Effect.Effect<BilledOpenAnswer, E, Scope.Scope>
}

/**
 * What is reserved for a call until its cost is known. Ends once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reservation {
  /** Bills the answer. */
  readonly settle: (answer: ChatModel.Answer) => Effect.Effect<Bill>
  /** Gives everything back: there was no call, or it surely is not billed. */
  readonly refund: Effect.Effect<void>
}

/**
 * A ledger: bills the answers of chat models and keeps the budgets.
 *
 * @category models
 * @since 0.1.0
 */
export interface CostLedger {
  /** Bills every answer of the model, within the budgets. */
  readonly protect: <E>(model: ChatModel.ChatModel<E>) => BilledModel<E | BudgetExceeded>
  /**
   * Reserves for a call that is made by other means. If it has not ended when the scope closes, a scope that ends well
   * gives everything back, and one that fails or is interrupted spends the prompt if the call may be billed.
   */
  readonly reserve: (request: ChatModel.Request) => Effect.Effect<Reservation, BudgetExceeded, Scope.Scope>
  readonly snapshot: Effect.Effect<Snapshot>
  /** A tenant that has an account of its own. */
  readonly tenant: (tenant: string) => Effect.Effect<TenantSnapshot | undefined>
  /** All tenants that have an account of their own. */
  readonly tenants: Effect.Effect<ReadonlyArray<TenantSnapshot>>
}

/**
 * The ledger of an application.
 *
 * @category models
 * @since 0.1.0
 */
export const CostLedger: Context.Service<CostLedger, CostLedger> = Context.Service<CostLedger>(
  "@switchgear/http/CostLedger"
)

/**
 * Bills the calls of an effect to a tenant. Cascades keep the answers of each tenant apart.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withTenant = (tenant: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =>
  Effect.provideService(CurrentTenant, tenant)

/**
 * Why {@link make} fails: an option is out of range, a model is not in the catalogue, or a price that a budget needs is
 * missing.
 *
 * @category errors
 * @since 0.1.0
 */
export type LedgerError = InvalidOption | PriceMissing | Pricing.UnknownModel

/**
 * Makes a ledger in which nothing is spent. Fails with a {@link LedgerError} that names the option, the model or the price.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<CostLedger, LedgerError> =>
  Effect.map(Effect.all([rulesOf(options), CurrentPredecessor]), ([rules, before]) => {
    const ledger = new Ledger(rules, before)
    /** Goes on in the step in which the call is let in. */
    const begin = <A, E, R>(
      request: ChatModel.Request,
      name: string,
      fiber: Fiber.Fiber<any, any>,
      begun: (entry: Entry, fiber: Fiber.Fiber<any, any>) => Effect.Effect<A, E, R>,
      restore: (wait: Effect.Effect<void>) => Effect.Effect<void> = identity,
      waited?: Asking
    ): Effect.Effect<A, E | BudgetExceeded, R> => {
      const entry = (waited === undefined ? ledger : ledger.latest).begin(
        { tenant: fiber.getRef(CurrentTenant), request, name },
        fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
        waited
      )
      if (entry instanceof BudgetExceeded) return Effect.fail(entry)
      return entry instanceof Asking
        ? Effect.flatMap(
          restore(entry.answered),
          () => Effect.withFiber((fiber) => begin(request, name, fiber, begun, restore, entry))
        )
        : begun(entry, fiber)
    }

    const observed = <A, E, R>(
      entry: Entry,
      call: () => Effect.Effect<A, E, R>,
      fiber: Fiber.Fiber<any, any>
    ): Effect.Effect<A, E, R> =>
      inContext(
        Effect.suspend(() => {
          entry.made()
          return call()
        }),
        observing(entry, fiber)
      )

    const complete = <E>(model: ChatModel.ChatModel<E>) =>
      asGiven((request) =>
        Effect.withFiber<BilledAnswer, E | BudgetExceeded>((fiber) => {
          const ending = new EntryEnding()
          // What is begun is begun below the frame that ends it, so that no interrupt comes between the two.
          ending.enter(fiber)
          return begin(request, model.name, fiber, (begun, fiber) => {
            ending.entry = begun
            new Billing(begun, model, fiber).enter(fiber, observing(begun, fiber))
            begun.made()
            return model.complete(request) as Effect.Effect<any, E>
          })
        })
      )

    // What was read of a stream is billed, however it ended.
    const open = <E>(model: ChatModel.ChatModel<E>) =>
      asGiven((request) =>
        Effect.flatMap(
          Effect.scope,
          (scope) =>
            Effect.withFiber<BilledOpenAnswer, E | BudgetExceeded, Scope.Scope>((fiber) => {
              const bill = new BegunBill()
              // What is begun is begun when its end is sure.
              const opening = Effect.suspend(() =>
                begin(request, model.name, fiber, (begun, fiber) => {
                  const own = bill.begun = new StreamBill(begun)
                  const opened = Effect.onExitPrimitive(observed(begun, () => model.open(request), fiber), (exit) => {
                    if (exit._tag === "Success") own.opened(exit.value)
                    else own.failed(exit.cause)
                    return undefined
                  })
                  const { made } = own
                  return Effect.map(
                    opened,
                    (answer): BilledOpenAnswer => ({
                      ...answer,
                      value: own.chunks(answer.value),
                      bill: Deferred.await(made)
                    })
                  )
                })
              )
              return Effect.andThen(Scope.addFinalizerExit(scope, bill.close), opening)
            })
        )
      )

    const made: CostLedger = {
      protect: (model) => {
        const billed = { name: model.name, complete: complete(model), open: open(model) }
        return { ...ChatModel.of(billed), ...billed }
      },
      reserve: asGiven((request) =>
        Effect.map(
          Effect.uninterruptibleMask((restore) =>
            Effect.acquireRelease(
              Effect.withFiber((fiber) =>
                begin(request, "", fiber, (entry) => {
                  entry.made()
                  return Effect.succeed(entry)
                }, restore)
              ),
              (entry, exit) => Effect.sync(() => exit._tag === "Success" ? entry.refund() : entry.fail(exit.cause))
            )
          ),
          (entry): Reservation => ({
            settle: (answer) => Effect.sync(() => entry.settle(entry.bill(answer), answer.failures)),
            refund: Effect.sync(() => entry.refund())
          })
        )
      ),
      snapshot: Effect.map(Clock.currentTimeMillis, (now) => ledger.snapshot(now)),
      tenant: (tenant) => Effect.map(Clock.currentTimeMillis, (now) => ledger.tenant(tenant, now)),
      tenants: Effect.map(Clock.currentTimeMillis, (now) => ledger.tenants(now))
    }
    noteLedger(made, ledger)
    return made
  }).pipe(
    Effect.tap((made) => Registry.register({ kind, name: options.name ?? "CostLedger", guard: made, critical: false }))
  )

/**
 * The ledger as a service of the application.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<CostLedger, LedgerError> => Layer.effect(CostLedger, make(options))

/**
 * Reserves for a request, asks and bills as it is when it is given. One that cannot be written as JSON goes on as it
 * is: the model says what is wrong with it.
 */
const asGiven = <A>(call: (request: ChatModel.Request) => A) => (request: ChatModel.Request): A =>
  call(Result.match(seal(request), { onSuccess: ({ plain }) => plain, onFailure: () => request }))
