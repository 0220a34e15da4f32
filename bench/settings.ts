/** How much time is spent on being sure. */
export interface Settings {
  readonly mode: "full" | "quick"
  /**
   * What one subject runs for in one round. Short, so that a neighbour on the machine who takes the core spoils few of
   * the rounds altogether instead of all of them a little: the median does not see the few.
   */
  readonly batchMillis: number
  readonly rounds: number
  /** What each subject runs for before anything is measured, the others in between. */
  readonly warmUpMillis: number
  /** Rounds of the experiments that cannot be cut into batches. */
  readonly repeats: number
  /** Over how many requests the memory of the gateway is watched. */
  readonly requests: number
}

export const full: Settings = {
  mode: "full",
  batchMillis: 3,
  rounds: 151,
  warmUpMillis: 400,
  repeats: 5,
  requests: 100_000
}

export const quick: Settings = {
  mode: "quick",
  batchMillis: 2,
  rounds: 41,
  warmUpMillis: 160,
  repeats: 3,
  requests: 5000
}
