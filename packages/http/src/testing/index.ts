export * as Behaviour from "./Behaviour.ts"
export * as SimulatedProvider from "./SimulatedProvider.ts"
