/**
 * The rules of `bookingRules` as Redis runs them.
 *
 * KEYS: a limit each. ARGV: the node's idea of the time of Redis or 0, how late a message may be, then six for each limit: gap,
 * burst, ahead, want, back, after how long it is full at the earliest. Answers two texts for each limit: how many turns, and when the first is.
 */
export const bookingScript = `
local clock = redis.call("TIME")
local now = (tonumber(clock[1]) * 1000000 + tonumber(clock[2])) / 1000
local said, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local late = said > 0 and now - said > longest
local out = {}
for k = 1, #KEYS do
  local a = 2 + (k - 1) * 6
  local function num(i) return tonumber(ARGV[a + i]) end
  local gap, burst, ahead, want, back, after = num(1), num(2), num(3), num(4), num(5), num(6)
  local depth = burst * gap
  local known, at = string.match(redis.call("GET", KEYS[k]) or "0 0", "^(%S+) (%S+)$")
  known, at = tonumber(known), tonumber(at)
  if now < at then known = known - (at - now) end
  local full = math.max(now, known)
  local granted = 0
  if not late then
    full = math.min(math.max(now, full - back * gap), math.max(full, now + 2 * depth + ahead))
    full = math.max(full, now + after)
    granted = math.max(0, math.min(want, math.floor((now + depth + ahead - full) / gap + 1e-6)))
  end
  local first = full + gap - depth - now
  full = full + granted * gap
  if full > now then redis.call("SET", KEYS[k], string.format("%.17g %.17g", full, now), "PX", math.ceil(full - now))
  else redis.call("DEL", KEYS[k]) end
  out[#out + 1] = string.format("%.0f", granted)
  out[#out + 1] = string.format("%.17g", first)
end
return out
`

/** The SHA-1 of the script, by which Redis knows it once it has run. */
export const bookingScriptId = "4510fc0b4d1c1ad870dbfac05de9a3abd8609db1"
