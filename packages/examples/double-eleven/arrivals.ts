/** Who asks what and when: the same customers come to both lanes, and the same seed brings the same customers. */
import { Effect, Random } from "effect"
import { calmRate, type Phase } from "./scenario.ts"

/** A customer: the second of the night at which they come, and what they ask. */
export interface Arrival {
  readonly at: number
  readonly question: string
}

/** Asked again and again, so that an answer of a moment ago is still good. */
export const frequent: ReadonlyArray<string> = [
  "双十一的活动什么时候结束？",
  "满减和优惠券可以一起用吗？",
  "怎么申请退款？",
  "尾款什么时候付？",
  "可以改收货地址吗？",
  "保价多久？",
  "发货要等几天？",
  "When does the sale end?",
  "Can I combine two coupons?",
  "How do I return an item?",
  "Do you ship to Singapore?"
]

/** Asked once, since every order has its own number. */
export const about: ReadonlyArray<(order: number) => string> = [
  (order) => `我的订单 ${order} 到哪里了？`,
  (order) => `订单 ${order} 可以取消吗？`,
  (order) => `订单 ${order} 少发了一件，怎么办？`,
  (order) => `Where is my order ${order}?`,
  (order) => `Can I still change order ${order}?`
]

/** How many of ten customers ask one of the frequent questions. */
const frequentInTen = 4

/** All arrivals of the phases, in order. Gaps are random, as customers do not know of each other. */
export const arrivals = (phases: ReadonlyArray<Phase>): Effect.Effect<ReadonlyArray<Arrival>> =>
  Effect.gen(function*() {
    const all: Array<Arrival> = []
    let begin = 0
    for (const { crowd, seconds } of phases) {
      for (let at = begin;;) {
        at += -Math.log(1 - (yield* Random.next)) / (calmRate * crowd)
        if (at >= begin + seconds) break
        all.push({ at, question: yield* question(all.length) })
      }
      begin += seconds
    }
    return all
  })

const question = (customer: number): Effect.Effect<string> =>
  Effect.gen(function*() {
    if ((yield* Random.next) * 10 < frequentInTen) return yield* oneOf(frequent)
    return (yield* oneOf(about))(881_100_000 + customer)
  })

const oneOf = <A>(all: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.next, (dice) => all[Math.floor(dice * all.length)]!)
