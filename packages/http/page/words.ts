/** What the page says, in two languages. */
import * as Format from "./format.ts"
import type { Command, Outcome, State } from "./readings.ts"

export type Language = "en" | "zh"

type Status = "up" | "degraded" | "down" | "unknown"

export interface Words {
  readonly otherLanguage: string
  readonly span: (millis: number) => string
  readonly signIn: {
    readonly title: string
    readonly explain: string
    readonly token: string
    readonly go: string
    readonly refused: string
  }
  readonly signOut: string
  readonly connecting: string
  readonly apiPage: string
  readonly runbook: string
  readonly generation: (n: number) => string
  readonly old: (span: string) => string
  readonly live: string
  readonly readOnly: string
  readonly fleet: string
  readonly clusterState: Readonly<Record<"joining" | "joined" | "away", string>>
  readonly gateways: (n: number) => string
  /** When Redis answered last: how long ago, or, where it is away, the time of the day. */
  readonly lastSync: (when: string, state: "joining" | "joined" | "away") => string
  readonly dissent: (circuits: number) => string
  readonly sharedLimits: (limits: number) => string
  /** What limits are while Redis does not answer. */
  readonly limitsAway: Readonly<Record<"local" | "open" | "closed", string>>
  readonly status: Readonly<Record<Status, string>>
  readonly stopping: string
  readonly since: (clock: string, span: string) => string
  readonly noReason: string
  readonly more: (n: number) => string
  readonly reasonOf: (kind: string, name: string, reason: string) => string
  readonly nextProbe: (span: string) => string
  /** A circuit has closed and lets a growing share of the calls pass. */
  readonly rampUp: (share: string) => string
  readonly customersNow: string
  readonly noCalls: string
  readonly callsPerSecond: (rate: string) => string
  readonly shedding: (rate: string) => string
  readonly promise: string
  readonly promiseKept: (promised: string) => string
  readonly promiseBroken: (promised: string) => string
  readonly outcome: Readonly<Record<Outcome, string>>
  readonly models: string
  readonly columns: {
    readonly model: string
    readonly state: string
    readonly failures: string
    readonly slow: string
    readonly calls: string
    readonly inFlight: string
    readonly queue: string
    readonly tokens: string
    readonly openings: string
    readonly lastError: string
    readonly control: string
  }
  readonly state: Readonly<Record<State, string>>
  readonly noCircuit: string
  readonly keysParked: (parked: number, of: number) => string
  readonly off: string
  readonly needsCalls: (calls: number, minimum: number) => string
  readonly inRow: (n: number) => string
  readonly paused: (span: string) => string
  readonly waiting: (n: number) => string
  readonly resource: (name: string) => string
  readonly reasons: Readonly<Record<string, string>>
  readonly command: Readonly<Record<Command, string>>
  /** What an operator did, as the history has it. */
  readonly act: (act: string) => string
  /** To what, without the kind of the guard. */
  readonly subject: (name: string) => string
  /** The name of a token, or of the process itself. */
  readonly actor: (by: string) => string
  readonly confirm: Readonly<Record<Command, (id: string) => string>>
  readonly effect: Readonly<Record<Command, string>>
  /** For whom a command is, in a fleet. */
  readonly everywhere: (fleet: string) => string
  readonly hereOnly: string
  readonly hereFirst: Readonly<Record<"open" | "close", string>>
  readonly why: string
  readonly cancel: string
  readonly failed: (message: string) => string
  readonly charts: { readonly arrivals: string; readonly latency: string; readonly load: string }
  readonly inFlight: string
  readonly queued: string
  readonly nothingYet: string
  readonly money: string
  readonly perMinute: string
  readonly saved: string
  readonly total: string
  readonly noPrices: string
  readonly budget: (client: string) => string
  readonly ofLimit: (spent: string, limit: string) => string
  readonly budgetEnds: (span: string) => string
  readonly budgetHolds: string
  readonly budgetSpent: string
  readonly resets: (span: string) => string
  readonly noBudget: string
  readonly noisiest: string
  readonly limited: (count: string) => string
  readonly shed: (count: string) => string
  readonly retries: string
  readonly ofAttempts: (attempts: string) => string
  readonly retryBudget: (model: string, left: string) => string
  readonly noRetryBudget: string
  readonly history: string
  readonly noEvents: string
  readonly colon: string
  readonly openFor: (span: string) => string
}

const kindsEn: Readonly<Record<string, string>> = {
  CircuitBreaker: "circuit",
  Bulkhead: "bulkhead",
  ConcurrencyLimit: "concurrency limit",
  RateLimiter: "limiter",
  Budget: "budget",
  Cascade: "cascade",
  StaleCache: "cache",
  Gateway: "gateway",
  Cluster: "fleet"
}

/** A gateway has one fleet, whose name is in the header. */
const guardOf = (kinds: Readonly<Record<string, string>>, kind: string, name: string): string => {
  const told = kinds[kind] ?? kind
  return kind === "Cluster" ? told : `${told} ${name}`
}

const reasonsEn: Readonly<Record<string, string>> = {
  "failure-rate": "too many failures",
  "slow-call-rate": "too many slow calls",
  "consecutive-failures": "failures in a row",
  "trip-for": "the provider asked for a pause",
  "open-elapsed": "time for a probe",
  "probes-succeeded": "probes succeeded",
  "probes-failed": "probes failed",
  "probe-outlasted": "a probe took too long",
  restored: "from its saved state",
  manual: "by an operator",
  Manual: "by an operator",
  QuotaExhausted: "its quota is spent",
  Unauthorized: "the provider refuses it",
  open: "open",
  "forced-open": "opened by an operator",
  recovering: "probing",
  paused: "paused",
  full: "full",
  stale: "serves stale answers",
  canned: "serves the canned sentence",
  exhausted: "has no answers",
  shedding: "requests are refused",
  fleet: "by the fleet",
  away: "Redis does not answer, this gateway goes on by itself",
  dissent: "open or closed on this gateway alone",
  "rules-differ": "another gateway has other options",
  done: "done",
  failed: "failed"
}

const unitsEn: Format.Units = { second: "s", minute: "min", hour: "h", day: "d" }

const commandsEn: Words["command"] = { open: "Open", close: "Close", disable: "Disable" }

/** Those of the page, and what only the API can do to a circuit. */
const actsEn: Readonly<Record<string, string>> = { ...commandsEn, metricsOnly: "Metrics only", trip: "Open for a time" }

const en: Words = {
  otherLanguage: "中文",
  span: (millis) => Format.span(millis, unitsEn),
  signIn: {
    title: "Operators' page",
    explain:
      "Enter the token or the readToken of the file's admin section. It stays in this tab until the tab is closed.",
    token: "Token",
    go: "Show the gateway",
    refused: "The gateway refused this token."
  },
  signOut: "Forget token",
  connecting: "Connecting to the gateway …",
  apiPage: "API",
  runbook: "Runbook",
  generation: (n) => `configuration ${n}`,
  old: (span) => `data ${span} old`,
  live: "live",
  readOnly: "read-only token",
  fleet: "Fleet",
  clusterState: { joining: "joining", joined: "joined", away: "Redis away" },
  gateways: (n) => n === 1 ? "1 gateway" : `${n} gateways`,
  lastSync: (when, state) => state === "away" ? `last heard ${when}` : `heard ${when} ago`,
  dissent: (circuits) => circuits === 1 ? "1 circuit not as in the fleet" : `${circuits} circuits not as in the fleet`,
  sharedLimits: (limits) => limits === 1 ? "1 limit for all gateways" : `${limits} limits for all gateways`,
  limitsAway: {
    local: "limits: this gateway's part of each",
    open: "limits: all of each on every gateway",
    closed: "limits: nothing passes"
  },
  status: { up: "Up", degraded: "Degraded", down: "Down", unknown: "Unknown" },
  stopping: "Stopping",
  since: (clock, span) => `since ${clock} (${span})`,
  noReason: "Every model is reachable.",
  more: (n) => `and ${n} more`,
  reasonOf: (kind, name, reason) => `${guardOf(kindsEn, kind, name)}: ${reasonsEn[reason] ?? reason}`,
  nextProbe: (span) => `next probe in ${span}`,
  rampUp: (share) => `lets ${share} pass, and more each moment`,
  customersNow: "What customers get, last minute",
  noCalls: "No calls in the last minute.",
  callsPerSecond: (rate) => `${rate} calls/s`,
  shedding: (rate) => `sheds ${rate}/s`,
  promise: "promise",
  promiseKept: (promised) => `${promised} promised, kept`,
  promiseBroken: (promised) => `${promised} promised, broken`,
  outcome: {
    askedFor: "asked-for",
    fallback: "fallback",
    stale: "stale",
    canned: "sentence",
    error: "error",
    refused: "refused",
    left: "left"
  },
  models: "Models",
  columns: {
    model: "Model",
    state: "Circuit",
    failures: "Failures",
    slow: "Slow",
    calls: "Calls",
    inFlight: "In flight",
    queue: "queue",
    tokens: "Limits left",
    openings: "Openings",
    lastError: "Last error",
    control: "Control"
  },
  state: {
    Closed: "Closed",
    Open: "Open",
    HalfOpen: "Probing",
    ForcedOpen: "Forced open",
    Disabled: "Disabled",
    MetricsOnly: "Metrics only"
  },
  noCircuit: "No circuit",
  keysParked: (parked, of) => parked === of ? "all keys parked" : `${parked} of ${of} keys parked`,
  off: "off",
  needsCalls: (calls, minimum) => `${calls} of ${minimum} calls`,
  inRow: (n) => `${n} in a row`,
  paused: (span) => `paused ${span}`,
  waiting: (n) => `${n} waiting`,
  resource: (name) => name,
  reasons: reasonsEn,
  command: commandsEn,
  act: (act) => actsEn[act] ?? act,
  subject: (name) => name,
  actor: (by) => by,
  confirm: {
    open: (id) => `Open the circuit of ${id}?`,
    close: (id) => `Close the circuit of ${id}?`,
    disable: (id) => `Disable the circuit of ${id}?`
  },
  effect: {
    open:
      "All calls to this model are rejected at once, and cascades go to their next step, until someone closes the circuit.",
    close: "Calls pass again and the window starts empty. The circuit opens by itself if the model fails.",
    disable: "All calls pass and nothing is counted: this model is without protection until someone closes the circuit."
  },
  everywhere: (fleet) => `This is for all gateways of the fleet ${fleet}.`,
  hereOnly: "This is for this gateway alone, not for the others of its fleet.",
  hereFirst: {
    open: "Redis is away: this gateway does it now, and the others once Redis is back.",
    close: "Redis is away: only this gateway does it. Do it on the others as well."
  },
  why: "Reason, for the history",
  cancel: "Cancel",
  failed: (message) => `Not done: ${message}`,
  charts: { arrivals: "Calls per second", latency: "Time to answer", load: "Calls at once" },
  inFlight: "in flight",
  queued: "queued",
  nothingYet: "–",
  money: "Money",
  perMinute: "per minute",
  saved: "saved per minute",
  total: "since start",
  noPrices: "The file has no prices.",
  budget: (client) => `Tightest budget: ${client}`,
  ofLimit: (spent, limit) => `${spent} of ${limit}`,
  budgetEnds: (span) => `at this rate empty in ${span}`,
  budgetHolds: "lasts at this rate",
  budgetSpent: "spent",
  resets: (span) => `resets in ${span}`,
  noBudget: "No client has a budget.",
  noisiest: "Noisiest clients, requests in the last minute",
  limited: (count) => `${count} over its limits or budget`,
  shed: (count) => `${count} shed`,
  retries: "Retries, last minute",
  ofAttempts: (attempts) => `of ${attempts} attempts`,
  retryBudget: (model, left) => `retryBudget of ${model}: ${left} left`,
  noRetryBudget: "The file has no retryBudget.",
  history: "Last 20 events",
  noEvents: "Nothing has happened yet.",
  colon: ": ",
  openFor: (span) => `for ${span}`
}

const kindsZh: Readonly<Record<string, string>> = {
  CircuitBreaker: "熔断器",
  Bulkhead: "舱壁",
  ConcurrencyLimit: "并发限制",
  RateLimiter: "限流器",
  Budget: "预算",
  Cascade: "降级链",
  StaleCache: "缓存",
  Gateway: "网关",
  Cluster: "集群"
}

const reasonsZh: Readonly<Record<string, string>> = {
  "failure-rate": "失败率过高",
  "slow-call-rate": "慢调用率过高",
  "consecutive-failures": "连续失败",
  "trip-for": "上游要求暂停",
  "open-elapsed": "到了探测时间",
  "probes-succeeded": "探测成功",
  "probes-failed": "探测失败",
  "probe-outlasted": "探测超时",
  restored: "从保存的状态恢复",
  manual: "人工操作",
  Manual: "人工停用",
  QuotaExhausted: "配额已用完",
  Unauthorized: "上游拒绝此密钥",
  open: "已熔断",
  "forced-open": "人工熔断",
  recovering: "探测中",
  paused: "已暂停",
  full: "已满",
  stale: "返回过期缓存",
  canned: "返回兜底话术",
  exhausted: "无可用答案",
  shedding: "正在拒绝请求",
  fleet: "由集群决定",
  away: "Redis 无响应，本网关独立运行",
  dissent: "与集群状态不一致",
  "rules-differ": "其他网关的配置不同",
  done: "完成",
  failed: "失败"
}

const unitsZh: Format.Units = { second: "秒", minute: "分", hour: "小时", day: "天" }

const actsZh: Readonly<Record<string, string>> = {
  open: "熔断",
  close: "闭合",
  disable: "停用熔断器",
  metricsOnly: "改为仅统计",
  trip: "临时熔断",
  pause: "暂停",
  resume: "恢复",
  resize: "调整并发",
  pin: "固定并发",
  refresh: "刷新缓存",
  clear: "清空缓存",
  park: "停用密钥",
  unpark: "启用密钥",
  reload: "重新加载"
}

/** `pause for 5m` is an act with its measure. */
const actZh = (act: string): string => {
  const [, verb = act, joined, measure] = /^(\w+) (for|to|at) (.+)$/.exec(act) ?? []
  const done = actsZh[verb] ?? verb
  return measure === undefined ? done : joined === "to" ? `${done}至 ${measure}` : `${done} ${measure}`
}

const zh: Words = {
  otherLanguage: "English",
  span: (millis) => Format.span(millis, unitsZh),
  signIn: {
    title: "运维页面",
    explain: "请输入配置文件 admin 一节中的 token 或 readToken。令牌只保存在本标签页，关闭即清除。",
    token: "令牌",
    go: "查看网关",
    refused: "网关拒绝了这个令牌。"
  },
  signOut: "清除令牌",
  connecting: "正在连接网关 …",
  apiPage: "API",
  runbook: "应急手册",
  generation: (n) => `配置第 ${n} 版`,
  old: (span) => `数据已 ${span}未更新`,
  live: "实时",
  readOnly: "只读令牌",
  fleet: "集群",
  clusterState: { joining: "正在加入", joined: "已加入", away: "Redis 无响应" },
  gateways: (n) => `${n} 个网关`,
  lastSync: (when, state) => state === "away" ? `最后同步 ${when}` : `${when}前同步`,
  dissent: (circuits) => `${circuits} 个熔断器与集群状态不一致`,
  sharedLimits: (limits) => `${limits} 项限流由所有网关共享`,
  limitsAway: {
    local: "限流：按网关数均分",
    open: "限流：每个网关各用全部额度",
    closed: "限流：全部拒绝"
  },
  status: { up: "正常", degraded: "降级", down: "不可用", unknown: "未知" },
  stopping: "正在停止",
  since: (clock, span) => `自 ${clock} 起（${span}）`,
  noReason: "所有模型均可用。",
  more: (n) => `另有 ${n} 项`,
  reasonOf: (kind, name, reason) => `${guardOf(kindsZh, kind, name)}：${reasonsZh[reason] ?? reason}`,
  nextProbe: (span) => `${span}后探测`,
  rampUp: (share) => `放行 ${share}，逐步增加`,
  customersNow: "最近一分钟用户得到的结果",
  noCalls: "最近一分钟没有请求。",
  callsPerSecond: (rate) => `${rate} 次/秒`,
  shedding: (rate) => `过载拒绝 ${rate} 次/秒`,
  promise: "承诺",
  promiseKept: (promised) => `承诺 ${promised}，达标`,
  promiseBroken: (promised) => `承诺 ${promised}，未达标`,
  outcome: {
    askedFor: "原模型",
    fallback: "备用模型",
    stale: "过期缓存",
    canned: "兜底话术",
    error: "错误",
    refused: "拒绝",
    left: "客户端断开"
  },
  models: "模型",
  columns: {
    model: "模型",
    state: "熔断器",
    failures: "失败率",
    slow: "慢调用率",
    calls: "调用数",
    inFlight: "执行中",
    queue: "排队",
    tokens: "剩余额度",
    openings: "熔断次数",
    lastError: "最近错误",
    control: "操作"
  },
  state: {
    Closed: "闭合",
    Open: "熔断",
    HalfOpen: "探测中",
    ForcedOpen: "人工熔断",
    Disabled: "已停用",
    MetricsOnly: "仅统计"
  },
  noCircuit: "无熔断器",
  keysParked: (parked, of) => parked === of ? "全部密钥已停用" : `${of} 个密钥中 ${parked} 个已停用`,
  off: "关闭",
  needsCalls: (calls, minimum) => `${calls}/${minimum} 次调用`,
  inRow: (n) => `连续 ${n} 次`,
  paused: (span) => `暂停 ${span}`,
  waiting: (n) => `${n} 个在等待`,
  resource: (name) => name === "requests" ? "请求" : name === "tokens" ? "Token" : name,
  reasons: reasonsZh,
  command: { open: "熔断", close: "闭合", disable: "停用" },
  act: actZh,
  subject: (name) => name === "file" ? "配置文件" : name.replace(/ key (\d+)$/, " 密钥 $1"),
  actor: (by) => by === "control" ? "管理员" : by === "process" ? "进程" : by,
  confirm: {
    open: (id) => `熔断 ${id}？`,
    close: (id) => `闭合 ${id} 的熔断器？`,
    disable: (id) => `停用 ${id} 的熔断器？`
  },
  effect: {
    open: "对该模型的所有调用立即被拒绝，降级链转到下一步，直到有人闭合熔断器。",
    close: "调用恢复通过，统计窗口清空。模型再次失败时熔断器会自动熔断。",
    disable: "所有调用直接通过且不计数：在有人闭合熔断器之前，该模型没有保护。"
  },
  everywhere: (fleet) => `对集群 ${fleet} 的所有网关生效。`,
  hereOnly: "仅对本网关生效，不影响集群中的其他网关。",
  hereFirst: {
    open: "Redis 无响应：本网关立即生效，其他网关在 Redis 恢复后生效。",
    close: "Redis 无响应：仅对本网关生效，请在其他网关上再次操作。"
  },
  why: "原因（写入历史）",
  cancel: "取消",
  failed: (message) => `未完成：${message}`,
  charts: { arrivals: "每秒请求", latency: "响应时间", load: "并发请求" },
  inFlight: "执行中",
  queued: "排队",
  nothingYet: "–",
  money: "费用",
  perMinute: "每分钟",
  saved: "每分钟节省",
  total: "启动以来",
  noPrices: "配置文件没有价格。",
  budget: (client) => `最紧的预算：${client}`,
  ofLimit: (spent, limit) => `${spent} / ${limit}`,
  budgetEnds: (span) => `按此速度 ${span}后用完`,
  budgetHolds: "按此速度够用",
  budgetSpent: "已用完",
  resets: (span) => `${span}后重置`,
  noBudget: "没有客户端设置预算。",
  noisiest: "请求最多的客户端（最近一分钟）",
  limited: (count) => `${count} 次超出限额或预算`,
  shed: (count) => `${count} 次因过载被拒`,
  retries: "重试占比（最近一分钟）",
  ofAttempts: (attempts) => `（共 ${attempts} 次尝试）`,
  retryBudget: (model, left) => `${model} 还可重试 ${left} 次`,
  noRetryBudget: "配置文件没有 retryBudget。",
  history: "最近 20 条记录",
  noEvents: "尚无记录。",
  colon: "：",
  openFor: (span) => `持续 ${span}`
}

export const words: Readonly<Record<Language, Words>> = { en, zh }

/** `preferred` is what the browser asks for, such as `zh-CN`. */
export const languageFor = (preferred: string): Language => preferred.toLowerCase().startsWith("zh") ? "zh" : "en"
