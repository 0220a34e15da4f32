/** Names of layers written into the areas themselves, wherever an area has room for its name. */
import * as Plot from "@observablehq/plot"
import type { NightData } from "../../replay/reportData.ts"
import { type Layer, middle } from "./layers.ts"

/** A layer that can bear its name. */
export interface Named extends Layer {
  /** Its colour without hatching, which keeps the letters clear of it. */
  readonly solid: string
  /** A colour that can be read on it. */
  readonly on: string
}

export interface Room {
  /** How long, in seconds of the night, a letter is. */
  readonly letter: number
  /** How high, in calls a second, a line of text is. */
  readonly line: number
}

/** A layer with too little room is left to the key. */
export const inPlace = (layers: ReadonlyArray<Named>, { interval }: NightData, room: Room): Plot.Markish =>
  layers.map(({ name, on, solid }, index) => {
    const place = widest(bandsOf(layers, index), Math.ceil(((name.length + 2) * room.letter) / interval))
    return place === undefined || place.room / interval < room.line
      ? null
      : Plot.text([name], {
        x: middle((place.from + place.to) / 2, interval),
        y: (place.high + place.low) / 2 / interval,
        fill: on,
        stroke: solid,
        strokeWidth: 6
      })
  })

interface Band {
  readonly low: number
  readonly high: number
}

const bandsOf = (layers: ReadonlyArray<Layer>, of: number): ReadonlyArray<Band> => {
  const upTo = (index: number, count: number) =>
    layers.slice(0, count).reduce((sum, { counts }) => sum + (counts[index] ?? 0), 0)
  return layers[of]!.counts.map((_, index) => ({ low: upTo(index, of), high: upTo(index, of + 1) }))
}

/** A stretch that leaves nearly as much room as the best one is as good, and the middle of them looks better. */
const nearly = 0.85

/** The stretch of so many intervals that leaves a straight line of text most room above and below. */
const widest = (bands: ReadonlyArray<Band>, length: number) => {
  const stretches = Array.from({ length: Math.max(0, bands.length - length + 1) }, (_, from) => {
    const stretch = bands.slice(from, from + length)
    const low = Math.max(...stretch.map(({ low }) => low))
    const high = Math.min(...stretch.map(({ high }) => high))
    return { from, to: from + length - 1, low, high, room: high - low }
  })
  const most = Math.max(...stretches.map(({ room }) => room))
  const first = stretches.findIndex(({ room }) => room === most)
  const good = stretches.slice(first).findIndex(({ room }) => room < nearly * most)
  const last = good < 0 ? stretches.length - 1 : first + good - 1
  return stretches[Math.floor((first + last) / 2)]
}
