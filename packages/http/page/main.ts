/** The operators' page: it asks for the token, follows the gateway, and draws what it tells. */
import { render } from "lit"
import * as Api from "./api.ts"
import { follow } from "./feed.ts"
import { type Actions, type Screen } from "./screen.ts"
import { Timeline } from "./series.ts"
import { cursor } from "./view/drawing.ts"
import { page } from "./view/page.ts"
import { languageFor } from "./words.ts"
import "uplot/dist/uPlot.min.css"

/** The only place where the token is kept: it ends with the tab. */
const kept = { name: "switchgear-token", storage: sessionStorage }

const screen: Screen = {
  language: languageFor(navigator.language),
  token: kept.storage.getItem(kept.name) ?? undefined,
  wasRefused: false,
  overview: undefined,
  receivedAt: 0,
  timeline: undefined,
  events: [],
  asked: undefined
}

const most = 1000

let following = new AbortController()
let isDue = false

/** Draws once, however often it is asked for before the next frame. A tab that is not seen draws nothing. */
const draw = () => {
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    document.documentElement.lang = screen.language
    render(page(screen, performance.now(), actions), document.getElementById("page")!)
  })
}

const change = (changes: Partial<Screen>) => {
  Object.assign(screen, changes)
  draw()
}

const begin = (token: string) => {
  following.abort()
  following = new AbortController()
  const { signal } = following
  void follow(token, {
    began: ({ durationBounds, everyMillis, samples }) =>
      change({ timeline: new Timeline(everyMillis, durationBounds, samples), events: [] }),
    snapshot: (overview) => {
      screen.timeline?.add(overview.totals)
      change({ overview, receivedAt: performance.now() })
    },
    events: (events) => change({ events: [...events.toReversed(), ...screen.events].slice(0, most) }),
    refused: () => forget(true)
  }, signal)
}

const forget = (wasRefused: boolean) => {
  following.abort()
  kept.storage.removeItem(kept.name)
  change({ token: undefined, wasRefused, overview: undefined, timeline: undefined, events: [], asked: undefined })
}

const actions: Actions = {
  signIn: (token) => {
    kept.storage.setItem(kept.name, token)
    change({ token, wasRefused: false })
    begin(token)
  },
  signOut: () => forget(false),
  switchLanguage: () => change({ language: screen.language === "en" ? "zh" : "en" }),
  ask: ({ circuit, name }, command) => {
    if (circuit !== null) change({ asked: { model: name, id: circuit.id, command, state: "asking" } })
  },
  cancel: () => change({ asked: undefined }),
  confirm: (reason) => {
    const { asked, token } = screen
    if (asked === undefined || token === undefined || asked.state === "sending") return
    change({ asked: { ...asked, state: "sending" } })
    Api.command(token, asked.id, asked.command, reason).then(
      () => change({ asked: undefined }),
      (error: Error) => change({ asked: { ...asked, state: "asking", problem: error.message } })
    )
  }
}

cursor.moved = draw
// Countdowns and the age of the data go on between snapshots, and without them.
setInterval(draw, 1000)
if (screen.token !== undefined) begin(screen.token)
draw()
