/**
 * The rules of `budgetRules` as Redis runs them.
 *
 * KEYS: a budget each. ARGV: ten for each: limit, want, least, back, over, spent, the three sums that the node has heard of, and for
 * how long it is kept. Answers five texts for each: what is granted, the three sums, and the limit that was told before.
 *
 * What no fleet has written is written over, so that one such key harms no other budget of the message.
 */
export const budgetScript = `
local out = {}
local most = 9007199254740991
for k = 1, #KEYS do
  local a = (k - 1) * 10
  local function num(i) return tonumber(ARGV[a + i]) end
  local function int(n) return string.format("%.0f", n) end
  local limit, want, least, back, over = num(1), num(2), num(3), num(4), num(5)
  local raw = redis.pcall("GET", KEYS[k]) or ""
  if type(raw) == "table" then
    if not string.find(raw.err, "WRONGTYPE", 1, true) then return raw end
    raw = ""
  end
  local g, r, s, l = string.match(raw, "^(%d+) (%d+) (%d+) (%d+)$")
  if l and math.max(tonumber(g), tonumber(r), tonumber(s), tonumber(l)) > most then g, r, s, l = nil end
  local given = math.min(most, math.max(tonumber(g or 0), num(7)) + over)
  local returned = math.min(given, math.max(tonumber(r or 0), num(8)) + back)
  local spent = math.min(most, math.max(tonumber(s or 0), num(9)) + num(6))
  local left = limit - (given - returned)
  local granted = 0
  if left >= least then granted = math.max(0, math.min(want, left, most - given)) end
  given = given + granted
  redis.call("SET", KEYS[k], table.concat({ int(given), int(returned), int(spent), int(limit) }, " "), "PX", num(10))
  out[#out + 1] = int(granted)
  out[#out + 1] = int(given)
  out[#out + 1] = int(returned)
  out[#out + 1] = int(spent)
  out[#out + 1] = l or int(limit)
end
return out
`

/** The SHA-1 of the script, by which Redis knows it once it has run. */
export const budgetScriptId = "8d1689b8ae7f2a9caf9037157a9a35b9e55c30b3"
