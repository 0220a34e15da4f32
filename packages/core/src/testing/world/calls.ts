/** A call from one node to another: a request, work on the other node, and a reply. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ConnectionRefused } from "./connectionRefused.ts"
import { codes, type Engine, Event } from "./engine.ts"
import type { Link, Network, Wire } from "./link.ts"
import { Mistake } from "./mistake.ts"
import type { WorldNode } from "./worldNode.ts"

export class Calls {
  private readonly engine: Engine
  private readonly network: Network
  private made = 0

  constructor(engine: Engine, network: Network) {
    this.engine = engine
    this.network = network
  }

  /** A call by a node, or by the maker of the world if `from` is undefined; his calls take no time. */
  call<Identifier, Service, A, E>(
    from: WorldNode | undefined,
    to: WorldNode,
    service: Context.Key<Identifier, Service>,
    use: (service: Service) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | ConnectionRefused> {
    return Effect.callback((resume) => {
      const call: Call = {
        id: ++this.made,
        to,
        service,
        use,
        resume,
        link: from === undefined || from === to ? undefined : this.network.link(from, to),
        from
      }
      this.request(call)
      if (call.link?.duplicates()) this.request(call)
    })
  }

  private request(call: Call): void {
    const { link, to } = call
    if (link?.losesRequest()) return this.lost(call, "request")
    this.send(call, "request", codes.request, to, link?.out, () => this.arrive(call))
  }

  private arrive(call: Call): void {
    const { life } = call.to
    if (life?.services === undefined) return this.reply(call, Exit.fail(new ConnectionRefused({ node: call.to.name })))
    life.run(serve(call, life.services)).addObserver((exit) => this.reply(call, exit))
  }

  private reply(call: Call, exit: Exit.Exit<any, any>): void {
    const { from, link } = call
    if (link?.losesReply()) return this.lost(call, "reply")
    this.send(call, "reply", codes.reply, from, link?.back, () => {
      // The first reply counts, and only if the caller still waits. A caller that has crashed does not continue.
      call.resume(exit)
    })
  }

  private send(
    call: Call,
    what: "request" | "reply",
    code: number,
    receiver: WorldNode | undefined,
    wire: Wire | undefined,
    arrive: () => void
  ): void {
    const cuts = wire?.cuts
    let isThere = false
    const isUncut = () => wire?.cuts === cuts
    const happen = () => {
      if (!isThere && !isUncut()) return this.lost(call, what)
      this.tell(call, what, " arrives")
      arrive()
    }
    // What waits at a paused node is no longer under way.
    const event = new Event(code, receiver, happen, () => {
      isThere ||= isUncut()
    })
    if (wire === undefined) this.engine.place(event, this.engine.now())
    else call.link!.send(wire, event)
  }

  private lost(call: Call, what: "request" | "reply"): void {
    this.tell(call, what, " is lost")
  }

  private tell({ from, id, service, to }: Call, what: "request" | "reply", happens: string): void {
    const one = from === undefined ? "outside" : from.name
    const [sender, receiver] = what === "request" ? [one, to.name] : [to.name, one]
    this.engine.trace.tell(
      this.engine.now(),
      sender,
      " → ",
      receiver,
      ": ",
      what,
      " #",
      id,
      happens,
      " (",
      service.key,
      ")"
    )
  }
}

interface Call {
  readonly id: number
  readonly from: WorldNode | undefined
  readonly to: WorldNode
  readonly service: Context.Key<any, any>
  readonly use: (service: any) => Effect.Effect<any, any>
  readonly link: Link | undefined
  readonly resume: (exit: Exit.Exit<any, any>) => void
}

const serve = ({ service, to, use }: Call, services: Context.Context<never>): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const served = Context.getOption(services, service)
    if (served._tag === "Some") return use(served.value)
    return Effect.die(
      new Mistake(`World: node ${JSON.stringify(to.name)} does not serve ${service.key}. Let its layer provide it.`)
    )
  })
