/** What the page knows at this moment, and what its parts may ask of it. */
import type { Command, Event, Model, Overview } from "./readings.ts"
import type { Timeline } from "./series.ts"
import type { Language, Words } from "./words.ts"

/** A command that waits for its confirmation. */
export interface Asked {
  readonly model: string
  readonly id: string
  readonly command: Command
  readonly state: "asking" | "sending"
  readonly problem?: string
}

export interface Screen {
  language: Language
  token: string | undefined
  wasRefused: boolean
  overview: Overview | undefined
  /** When the overview came, in milliseconds of the page. */
  receivedAt: number
  timeline: Timeline | undefined
  /** Newest first. */
  events: ReadonlyArray<Event>
  asked: Asked | undefined
}

export interface Actions {
  readonly signIn: (token: string) => void
  readonly signOut: () => void
  readonly switchLanguage: () => void
  readonly ask: (model: Model, command: Command) => void
  readonly cancel: () => void
  readonly confirm: (reason: string) => void
}

/** A screen with an overview. */
export interface Shown {
  readonly screen: Screen
  readonly overview: Overview
  readonly words: Words
  readonly actions: Actions
  /** Milliseconds since the overview came. */
  readonly age: number
}
