export * as Histogram from "./Histogram.ts"
export * as Load from "./Load.ts"
export * as VirtualClock from "./VirtualClock.ts"
