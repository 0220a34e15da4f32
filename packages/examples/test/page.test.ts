import { assert, describe, it } from "@effect/vitest"
import * as Figures from "../double-eleven/figures.ts"
import { html } from "../double-eleven/page/html.ts"
import { picture } from "../double-eleven/page/picture.ts"
import { story } from "../double-eleven/page/story.ts"
import type { LaneData, ReportData } from "../double-eleven/replay/reportData.ts"
import { reportData } from "./support/reportData.ts"

const count = (text: string, part: string) => text.split(part).length - 1

/** The same night, with every lane changed. */
const withLanes = (change: (lane: LaneData) => Partial<LaneData>): ReportData => {
  const data = reportData()
  return { ...data, lanes: data.lanes.map((lane) => ({ ...lane, ...change(lane) })) }
}

const zeros = <A extends object>(record: A): A =>
  Object.fromEntries(Object.entries(record).map(([key]) => [key, 0])) as A

/** A night to which nobody came. */
const nobody = (): ReportData => ({
  ...withLanes((lane) => {
    const none = lane.series.arrivals.map(() => 0)
    const never = lane.series.arrivals.map(() => null)
    return {
      calls: 0,
      answered: 0,
      errors: 0,
      errorsByTag: {},
      degradation: zeros(lane.degradation),
      cached: 0,
      latency: zeros(lane.latency),
      upstreamCalls: 0,
      upstreamByModel: zeros(lane.upstreamByModel),
      callsInVain: 0,
      primaryCallsWhileDown: 0,
      maxInFlight: 0,
      cost: zeros(lane.cost),
      openedAfter: null,
      recoveredAfter: null,
      circuits: lane.circuits.map(({ model }) => ({ model, changes: [] })),
      series: {
        ...lane.series,
        arrivals: none,
        none,
        fallback: none,
        stale: none,
        canned: none,
        errors: none,
        p50: never,
        p95: never,
        p99: never,
        upstream: Object.fromEntries(Object.keys(lane.series.upstream).map((model) => [model, none])),
        cost: none,
        inFlight: none
      }
    }
  }),
  callsPerLane: 0,
  virtualCalls: 0
})

/** A night that ended before its first interval, in no lane. */
const nothing = (): ReportData => ({ ...reportData(), callsPerLane: 0, virtualCalls: 0, models: [], lanes: [] })

const pages = (data: ReportData): ReadonlyArray<string> => [html(data), picture(data)]

describe("the page and the picture", () => {
  it("are the same bytes for the same night, and other bytes for another", () => {
    assert.deepStrictEqual(pages(reportData()), pages(reportData()))
    const [page] = pages({ ...reportData(), seed: "another" })
    assert.notStrictEqual(page, html(reportData()))
  })

  it("need nothing but themselves: no script, no address but the one that names SVG", () => {
    for (const page of pages(reportData())) {
      assert.notMatch(page.replaceAll("http://www.w3.org/2000/svg", ""), /https?:|<script|@import|src=|\son\w+=/)
      assert.deepStrictEqual([...new Set(page.match(/url\([^)]*\)/g))], ["url(#hatched)"])
    }
  })

  it("are small enough to be mailed", () => {
    const [page, svg] = pages(reportData())
    assert.isBelow(page!.length, 1_500_000)
    assert.isBelow(svg!.length, 150_000)
  })

  it("write down no coordinate more exactly than an eye can tell", () => {
    for (const page of pages(reportData())) assert.notMatch(page, / d="[^"]*\.\d\d/)
  })

  it("hold no number that is none", () => {
    for (const data of [reportData(), nobody(), nothing()]) {
      for (const page of pages(data)) assert.notMatch(page, /NaN|Infinity|undefined|\[object/)
    }
  })

  it("escape whatever the night calls itself", () => {
    const evil = "\"><script>alert('&')</script>"
    const data = withLanes((lane) => ({
      title: evil,
      tells: evil,
      errorsByTag: { [evil]: 1 },
      circuits: lane.circuits.map((circuit) => ({ ...circuit, model: evil })),
      upstreamByModel: { [evil]: 1 }
    }))
    const night = { ...data.night, phases: data.night.phases.map((phase) => ({ ...phase, name: evil, tells: evil })) }
    for (const page of pages({ ...data, night, models: [evil], seed: evil, digest: evil })) {
      assert.notInclude(page, "<script")
      assert.include(page, "&lt;script&gt;")
      assert.notMatch(page, /="[^"]*">alert/)
    }
  })
})

describe("the page", () => {
  it("draws every lane's answers, waits, crowd and calls, the arrivals, the cost, and the circuits where there are any", () => {
    const data = reportData()
    const page = html(data)
    const charts = [...page.matchAll(/role="img" aria-label="([^"]*)"/g)].map(([, label]) => label!)
    for (const { circuits, title } of data.lanes) {
      const of = (words: string) => charts.filter((label) => label.startsWith(words)).length
      assert.isAtLeast(of(`What customers of the lane ${title} `), 1)
      assert.strictEqual(of(`How long customers of the lane ${title} `), 1)
      assert.strictEqual(of(`Customers of the lane ${title} who waited at once`), 1)
      assert.strictEqual(of(`Calls of the lane ${title} that reached the provider`), 1)
      assert.strictEqual(of(`The circuits of the lane ${title} `), circuits.length === 0 ? 0 : 2)
    }
    for (const once of ["Customers a second over the night", "What the provider billed"]) {
      assert.strictEqual(charts.filter((label) => label.startsWith(once)).length, 2, "for a desk and for a phone")
    }
  })

  it("draws no areas of nothing", () => {
    const areas = (data: ReportData) => count(html(data), "<path d=\"M")
    assert.isAbove(areas(reportData()), areas(nobody()))
  })

  it("shows one lane alone", () => {
    const data = reportData()
    for (const lane of data.lanes) {
      const page = html({ ...data, lanes: [lane] })
      assert.include(page, `<h3>${lane.title}</h3>`)
      assert.include(page, "of virtual time in one lane.")
      assert.include(page, lane.circuits.length === 0 ? "When all was well again" : "When the circuits opened")
      assert.notInclude(page, "NaN")
    }
  })
})

describe("the story", () => {
  const lane = (data: ReportData, name: LaneData["name"]) => data.lanes.find((lane) => lane.name === name)!

  it("tells the errors, the calls and the money of the run", () => {
    const told = story(reportData())
    const [bare, full] = [lane(reportData(), "bare"), lane(reportData(), "full")]
    const figure = (value: number) => value.toLocaleString("en-US")
    assert.strictEqual(
      told.headline,
      `${figure(full.calls)} customers asked on the night the model went down. None saw an error.`
    )
    assert.include(told.lead.join(" "), `${figure(bare.errors)} of them`)
    assert.include(
      told.calls.join(" "),
      `${figure(bare.callsInVain - full.callsInVain)} calls not wasted`
    )
    assert.include(
      told.circuits.join(" "),
      "Switchgear: the circuit of gpt-4.1 opened 14 s after the model fell, at 10:14"
    )
    assert.include(
      told.circuits.join(" "),
      "Naive retry never, Breaker only 1 min, Switchgear 2 min 6 s and Adaptive limits"
    )
  })

  it("tells what limits that move gain and lose, whichever it is", () => {
    const [better] = story(reportData()).better
    assert.match(
      better!,
      /^Adaptive limits had [\d,]+ fewer canned replies and 100 fewer calls without an answer, compared with Switchgear/
    )
    assert.include(better!, "and the first model’s answers again 14 s later. ")
    const worse = (change: Partial<LaneData>) =>
      story(withLanes(({ name }) => name === "adaptive" ? change : {})).better[0]!
    assert.include(worse({ callsInVain: 1001 }), "1 more calls without an answer")
    assert.include(worse({ callsInVain: 1000 }), "as many calls without an answer")
    assert.include(worse({ recoveredAfter: null }), "answers never again. ")
    assert.include(worse({ recoveredAfter: 125 }), "again 1 s sooner. ")
    assert.include(worse({ recoveredAfter: 126 }), "again as soon. ")
    assert.deepStrictEqual(story(withLanes(() => ({}))).better.length, 1)
    const { lanes, ...data } = reportData()
    assert.deepStrictEqual(story({ ...data, lanes: lanes.filter(({ name }) => name !== "adaptive") }).better, [])
  })

  it("says so where customers saw errors behind switchgear, and where nothing was saved", () => {
    const told = story(withLanes(({ name }) => name === "full" ? { errors: 3, callsInVain: 9_999_999 } : {}))
    assert.match(told.headline, / 3 saw an error\.$/)
    assert.match(told.lead.at(-1)!, /Behind switchgear it was 3\.$/)
    assert.notInclude(told.calls.join(" "), "not wasted")
  })

  it("tells the first opening after the fall, and not one before it", () => {
    const early = { at: 100, from: "Closed", to: "Open", reason: "slow-call-rate" } as const
    const after = story(withLanes(({ circuits }) => ({
      circuits: circuits.map(({ changes, model }) => ({ model, changes: [early, ...changes] }))
    })))
    assert.deepStrictEqual(after.circuits, story(reportData()).circuits)
    const only = story(withLanes(({ circuits }) => ({
      openedAfter: null,
      circuits: circuits.map(({ model }) => ({ model, changes: [early] }))
    })))
    assert.include(only.circuits.join(" "), "Switchgear: the circuit of gpt-4.1 opened only before it fell.")
  })

  it("rounds no share to nothing or to all", () => {
    assert.deepStrictEqual(
      [[0, 1e6], [1, 1e6], [499, 1e6], [500, 1e6], [999_499, 1e6], [999_999, 1e6], [1e6, 1e6], [0, 0]].map(
        ([part, of]) => Figures.share(part!, of!)
      ),
      ["0 %", "< 0.1 %", "< 0.1 %", "0.1 %", "99.9 %", "> 99.9 %", "100 %", "0 %"]
    )
  })

  it("says that a circuit never opened", () => {
    const told = story(nobody())
    assert.include(told.circuits.join(" "), "Switchgear: the circuit of gpt-4.1 never opened.")
  })

  it("leaves out the lanes that were not played", () => {
    const data = reportData()
    const told = story({ ...data, lanes: [lane(data, "retry")] })
    assert.notInclude(JSON.stringify(told), "Switchgear")
    assert.include(told.calls.join(" "), "Naive retry made")
  })
})
