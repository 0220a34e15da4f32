export * as Gateway from "./Gateway.ts"
export * as GatewayConfig from "./GatewayConfig.ts"
