/**
 * Two providers in virtual time, and calls to the first of them that a hedge may send to the second one as well. A provider
 * has 40 slots' worth of speed: above that all calls slow down, above 80 they queue, and above 160 waiting it answers 503.
 */
import { Deadline, Hedge } from "@switchgear/core"
import { startTimer } from "@switchgear/core/runtime"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { Clock, Context, Data, Effect, Random, Scheduler } from "effect"

const slots = 40
const mostWaiting = 160
const millisPerToken = 8

class Overloaded extends Data.TaggedError("Overloaded") {}

/** The work of a request, in milliseconds at full speed. */
interface Request {
  readonly kind: "chat" | "long"
  readonly inputTokens: number
  readonly outputTokens: number
  readonly untilFirst: number
  readonly generation: number
}

type Draw = Random.Random

const gauss = (draw: Draw): number =>
  Math.sqrt(-2 * Math.log(1 - draw.nextDoubleUnsafe())) * Math.cos(2 * Math.PI * draw.nextDoubleUnsafe())
const logNormal = (draw: Draw, median: number, sigma: number): number => median * Math.exp(sigma * gauss(draw))

const workOf = (
  { inputTokens, kind, outputTokens }: Pick<Request, "kind" | "inputTokens" | "outputTokens">,
  stragglers: number,
  draw: Draw
): Request => {
  const straggles = draw.nextDoubleUnsafe() < stragglers ? logNormal(draw, 3000, 0.5) : 0
  return {
    kind,
    inputTokens,
    outputTokens,
    untilFirst: (150 + inputTokens * 0.3) * Math.exp(0.2 * gauss(draw)) + straggles,
    generation: outputTokens * millisPerToken * Math.exp(0.1 * gauss(draw))
  }
}

const requestOf = ({ longShare, stragglers }: Scene, draw: Draw): Request => {
  const isLong = draw.nextDoubleUnsafe() < longShare
  return workOf(
    {
      kind: isLong ? "long" : "chat",
      inputTokens: isLong ? logNormal(draw, 3000, 0.5) : logNormal(draw, 400, 0.6),
      outputTokens: isLong ? Math.min(8000, logNormal(draw, 1500, 0.7)) : Math.min(1000, logNormal(draw, 120, 0.7))
    },
    stragglers,
    draw
  )
}

/** The same question once more: about as long an answer, and its luck anew. */
const again = (request: Request, { stragglers }: Scene, draw: Draw): Request =>
  workOf({ ...request, outputTokens: request.outputTokens * Math.exp(0.15 * gauss(draw)) }, stragglers, draw)

interface Job {
  readonly request: Request
  /** The work that the provider has done for each call when it is due; undefined while it waits. */
  dueFirst: number
  dueEnd: number
  firstAt: number
  state: "new" | "waiting" | "runs" | "ended"
  onFirst: () => void
  onEnd: () => void
}

/** Shares its speed among the calls that run. */
class Provider {
  speed = 1
  private readonly clock: Clock.Clock
  private readonly scheduler: Scheduler.Scheduler
  private readonly running = new Set<Job>()
  private waiting: Array<Job> = []
  /** What was done for each call that has run since the beginning, in milliseconds at full speed. */
  private done = 0
  private at: number
  private stop = () => {}

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler) {
    this.clock = clock
    this.scheduler = scheduler
    this.at = this.now
  }

  get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  setSpeed(speed: number): void {
    this.advance()
    this.speed = speed
    this.arm()
  }

  /** Answers, and tells of its first token if the call goes on with it. `used` gets what it has cost, however it ends. */
  call(request: Request, onFirst: () => void, used: (tokens: number) => void): Effect.Effect<void, Overloaded> {
    return Effect.suspend(() => {
      const job: Job = {
        request,
        dueFirst: 0,
        dueEnd: 0,
        firstAt: NaN,
        state: "new",
        onFirst: () => {},
        onEnd: () => {}
      }
      this.advance()
      if (this.running.size < 2 * slots) this.begin(job)
      else if (this.waiting.length < mostWaiting) {
        job.state = "waiting"
        this.waiting.push(job)
      } else return Effect.delay(new Overloaded(), 100)
      this.arm()
      const first = Effect.callback<void>((resume) => {
        job.onFirst = () => resume(Effect.void)
      })
      const end = Effect.callback<void>((resume) => {
        if (job.state === "ended") resume(Effect.void)
        job.onEnd = () => resume(Effect.void)
      })
      return Effect.andThen(first, Effect.andThen(Effect.tap(Hedge.firstToken, () => Effect.sync(onFirst)), end)).pipe(
        Effect.ensuring(Effect.sync(() => {
          this.leave(job)
          const share = job.firstAt >= 0 ? Math.min(1, (this.now - job.firstAt) / Math.max(10, request.generation)) : 0
          used(request.inputTokens * 0.25 + request.outputTokens * share)
        }))
      )
    })
  }

  private get rate(): number {
    return this.running.size === 0 ? 0 : this.speed * Math.min(1, slots / this.running.size)
  }

  private advance(): void {
    const { now } = this
    this.done += (now - this.at) * this.rate
    this.at = now
  }

  private begin(job: Job): void {
    job.state = "runs"
    job.dueFirst = this.done + job.request.untilFirst
    job.dueEnd = job.dueFirst + job.request.generation
    this.running.add(job)
  }

  private leave(job: Job): void {
    if (job.state === "ended") return
    this.advance()
    job.state = "ended"
    if (!this.running.delete(job)) this.waiting = this.waiting.filter((other) => other !== job)
    this.fill()
    this.arm()
  }

  private fill(): void {
    while (this.running.size < 2 * slots && this.waiting.length > 0) this.begin(this.waiting.shift()!)
  }

  private arm(): void {
    this.stop()
    let due = Infinity
    for (const job of this.running) due = Math.min(due, job.firstAt >= 0 ? job.dueEnd : job.dueFirst)
    if (due === Infinity || this.rate === 0) return
    const millis = Math.max(0, Math.ceil((due - this.done) / this.rate * 1000) / 1000)
    this.stop = startTimer(this.clock, this.scheduler, millis, () => this.step())
  }

  private step(): void {
    this.advance()
    const told: Array<() => void> = []
    for (const job of this.running) {
      if (!(job.firstAt >= 0) && job.dueFirst <= this.done + 1e-6) {
        job.firstAt = this.now
        told.push(() => job.onFirst())
      }
      if (job.firstAt >= 0 && job.dueEnd <= this.done + 1e-6) {
        job.state = "ended"
        this.running.delete(job)
        told.push(() => job.onEnd())
      }
    }
    this.fill()
    this.arm()
    for (const tell of told) tell()
  }
}

export interface Scene {
  readonly seconds: number
  /** Calls in a second. */
  readonly rate: number
  readonly longShare: number
  readonly stragglers: number
  /** Other calls in a second to the second provider. */
  readonly besides?: number | undefined
  /** When the first provider is how fast. */
  readonly changes?: ReadonlyArray<readonly [atSecond: number, speed: number]> | undefined
  /** The calls that count arrive in this time, in seconds. */
  readonly measured: readonly [from: number, to: number]
}

export interface Lane {
  readonly options: Omit<Hedge.Options, "name" | "classOf"> | undefined
  readonly target: "same" | "next"
}

export interface Score {
  /** Percent of the calls that were answered in time. */
  readonly served: number
  /** Of chat, in seconds. */
  readonly p99: number
  readonly firstTokenP99: number
  /** Tokens of hedges in percent of those of the first runs. */
  readonly extraTokens: number
  /** Percent of the calls with a hedge. */
  readonly won: number
  readonly hedges: number
}

const CurrentKind = Context.Reference<string>("test/hedge/CurrentKind", { defaultValue: () => "chat" })

const quantile = (times: ReadonlyArray<number>, share: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(share * times.length))]!

export const simulate = (scene: Scene, { options, target }: Lane, seed: number): Effect.Effect<Score> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const scheduler = yield* Scheduler.Scheduler
    const [first, second] = [new Provider(clock, scheduler), new Provider(clock, scheduler)]
    const draw = yield* Random.withSeed(Random.Random, `requests ${seed}`)
    const drawAgain = yield* Random.withSeed(Random.Random, `hedges ${seed}`)
    const drawBesides = yield* Random.withSeed(Random.Random, `besides ${seed}`)
    const hedge = options &&
      (yield* Hedge.make({ ...options, name: "model", classOf: ({ get }) => get(CurrentKind) }))
    const [from, to] = scene.measured
    const counts = { all: 0, served: 0, hedges: 0, tokens: 0, extraTokens: 0 }
    const times: Array<number> = []
    const firsts: Array<number> = []
    const isMeasured = (at: number) => at >= from * 1000 && at < to * 1000

    const ask = (at: number) =>
      Effect.suspend(() => {
        const request = requestOf(scene, draw)
        const begin = first.now
        const isCounted = isMeasured(at)
        let firstAt = NaN
        let runs = 0
        const spoken = () => void (firstAt = firstAt >= 0 ? firstAt : first.now)
        const run = (provider: Provider, asked: Request, isHedge: boolean) => {
          if (isHedge && isCounted) counts.hedges++
          return provider.call(asked, spoken, (tokens) => {
            if (!isCounted) return
            if (isHedge) counts.extraTokens += tokens
            else counts.tokens += tokens
          })
        }
        const backup = Effect.suspend(() => run(second, again(request, scene, drawAgain), true))
        const primary = Effect.suspend(() =>
          runs++ === 0 ? run(first, request, false) : run(first, again(request, scene, drawAgain), true)
        )
        const hedged = hedge === undefined
          ? primary
          : target === "same"
          ? hedge.protect(primary)
          : hedge.protectWith({ backup })(primary)
        return hedged.pipe(
          Deadline.within(request.kind === "long" ? "60 seconds" : "10 seconds"),
          Effect.provideService(CurrentKind, request.kind),
          Effect.onExit((exit) =>
            Effect.sync(() => {
              if (!isCounted) return
              counts.all++
              if (exit._tag === "Failure") return
              counts.served++
              if (request.kind === "long") return
              times.push((first.now - begin) / 1000)
              firsts.push((firstAt - begin) / 1000)
            })
          )
        )
      })

    const changes = yield* Effect.forkChild(Effect.gen(function*() {
      let now = 0
      for (const [at, speed] of scene.changes ?? []) {
        yield* Effect.sleep((at - now) * 1000)
        now = at
        first.setSpeed(speed)
      }
    }))
    const besides = scene.besides === undefined
      ? undefined
      : yield* Effect.forkChild(Load.run(
        Load.poisson({ rate: scene.besides, for: scene.seconds * 1000 }),
        () => {
          const request = requestOf(scene, drawBesides)
          return Deadline.within(request.kind === "long" ? "60 seconds" : "10 seconds")(
            second.call(request, () => {}, () => {})
          )
        },
        { seed: `besides ${seed}` }
      ))
    yield* Effect.orDie(Load.run(
      Load.poisson({ rate: scene.rate, for: scene.seconds * 1000 }),
      ({ at }) => ask(at),
      { seed }
    ))
    changes.interruptUnsafe()
    besides?.interruptUnsafe()
    const judged = hedge === undefined ? { won: NaN, lost: NaN } : yield* hedge.snapshot
    return {
      served: 100 * counts.served / counts.all,
      p99: quantile(times, 0.99),
      firstTokenP99: quantile(firsts, 0.99),
      extraTokens: 100 * counts.extraTokens / counts.tokens,
      won: 100 * judged.won / (judged.won + judged.lost),
      hedges: 100 * counts.hedges / counts.all
    }
  }).pipe((run) => VirtualClock.play(run, { promises: "none" }))
