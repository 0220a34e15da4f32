/** Clients in a process of their own, and what they tell of a proxy together with what it used meanwhile. */
import { type Child, started } from "./child.ts"
import type { Order, Told } from "./load/orders.ts"
import type { Proxy } from "./proxy.ts"
import { here } from "./proxies.ts"

/** What clients got, and what it took the proxy. */
export interface Measured extends Told {
  /** CPU of the proxy's process, in nanoseconds. */
  readonly cpu: number
  /** Nanoseconds that its event loop was late, 99 of 100 times at most, where that is watched. */
  readonly delay: number
}

type Asked<O> = O extends Order ? Omit<O, "target"> : never

export class Clients {
  private readonly child: Child<Order, Told>

  constructor(child: Child<Order, Told>) {
    this.child = child
  }

  async ask({ child, model, target }: Proxy, order: Asked<Order>): Promise<Measured> {
    const before = await child.ask("usage")
    const told = await this.child.ask({ ...order, target: { ...target, model, port: child.ports.port } })
    const after = await child.ask("usage")
    return { ...told, cpu: after.cpu - before.cpu, delay: after.delay }
  }

  end(): void {
    this.child.end()
  }
}

export const clients = async (): Promise<Clients> => new Clients(await started("the clients", here("load/main.ts")))

export const countOf = (times: Told["times"], status: number): number => times[status]?.length ?? 0
