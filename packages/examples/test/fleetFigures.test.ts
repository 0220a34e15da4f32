import { assert, describe, it } from "@effect/vitest"
import { faultFigures, nightFigures, quantile, redisFigures, type Told } from "../fleet/figures.ts"
import { nightOf, shares } from "../fleet/scenario.ts"

type Node = Told["nodes"][number]

const quiet: Node = { calls: 10, errors: 0, waits: [0, 0], changes: [], answers: [], epochs: [] }

// From 1,250 to 5,750 the provider is down.
const told = (nodes: ReadonlyArray<Partial<Node>>): Told => ({
  night: nightOf(10),
  startsAt: 1000,
  seen: { calls: 20, bad: 7, lastBad: 900.4, probes: 5 },
  nodes: nodes.map((node) => ({ ...quiet, ...node }))
})

const opened = { to: "Open", at: 3000 } as const

describe("the figures of a night", () => {
  it("say when the last of many circuits was closed, and that of one whoever closed it", () => {
    const night = told([
      { changes: [opened, { to: "Closed", at: 8000 }] },
      { changes: [opened, { to: "Closed", at: 7250 }] },
      {}
    ])
    assert.strictEqual(nightFigures(night, "many").recoveredMs, 1250)
    const shared = told([{ changes: [opened] }, { changes: [{ to: "Closed", at: 7000 }] }])
    assert.strictEqual(nightFigures(shared, "one").recoveredMs, 250)
    assert.isNull(nightFigures(shared, "many").recoveredMs)
  })

  it("count calls of all nodes, and take the wait that 99 of 100 do not exceed", () => {
    const waits = Array.from({ length: 100 }, (_, i) => i)
    assert.deepInclude(nightFigures(told([{ waits }, { waits: [] }]), "many"), {
      nodes: 2,
      calls: 20,
      badCalls: 7,
      lastBadCallMs: 900,
      callerWaitP99Ms: 98
    })
    assert.strictEqual(quantile([], 0.99), 0)
    assert.strictEqual(quantile([5], 0.5), 5)
  })

  it("take a push from the first message whose answer knew of the change, and no message from before the night", () => {
    const night = told([
      {
        answers: [{ sentAt: 10, at: 900 }, { sentAt: 2000, at: 2003 }],
        epochs: [{ epoch: 1, askedAt: 2000, pushedAt: 2004 }]
      },
      { epochs: [{ epoch: 1, askedAt: 2500, pushedAt: 2009 }, { epoch: 2, pushedAt: 2600 }] }
    ])
    assert.deepStrictEqual(redisFigures(night, 40), {
      opsPerNodePerSecond: 2,
      syncP50Ms: 3,
      syncP99Ms: 3,
      pushP99Ms: 9
    })
  })
})

describe("the figures of a fault", () => {
  const everywhere = { overAt: 5000, reaches: () => true }

  it("count nodes that closed while the provider was down, and no others", () => {
    const night = told([
      { changes: [opened, { to: "Closed", at: 6000 }, opened, { to: "Closed", at: 6100 }] },
      { changes: [opened, { to: "Closed", at: 6800 }] }
    ])
    assert.strictEqual(faultFigures(night, everywhere).closedTooEarly, 1)
  })

  it("say when the last node that it reached was answered, and how many late messages of one node were executed", () => {
    const night = told([
      // The first one is of the time before the night.
      {
        answers: [
          { sentAt: 900, at: 4900 },
          { sentAt: 2600, at: 5001 },
          { sentAt: 2700, at: 5002 },
          { sentAt: 4500, at: 5003 }
        ]
      },
      { answers: [{ sentAt: 2600, at: 5800 }] },
      { answers: [] }
    ])
    assert.deepInclude(faultFigures(night, { ...everywhere, reaches: (node) => node < 2 }), {
      rejoinedMs: 800,
      executedLate: 2
    })
    assert.isNull(faultFigures(night, everywhere).rejoinedMs)
  })
})

describe("the night of the fleet", () => {
  it("gives the first node most calls and all nodes all of them", () => {
    const all = shares(20)
    assert.closeTo(all.reduce((a, b) => a + b, 0), 1, 1e-9)
    assert.closeTo(all[0]! / all[19]!, 20, 1e-9)
  })
})
