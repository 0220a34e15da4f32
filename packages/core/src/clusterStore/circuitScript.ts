/**
 * The rules of `circuitRules` as Redis runs them: one call for up to 64 circuits, each of them one packed text.
 *
 * KEYS: the nodes, the sequence, then a circuit each, all with one hash tag. ARGV: node, channel, after how long a node counts
 * as gone, the node's idea of the time of Redis or 0, how late a message may be, how long a node may hold a probe, how long
 * a circuit is kept after its opening, then for each circuit what `circuitArguments` writes. Answers texts: the time, the
 * number of nodes and the sequence, then two for each circuit.
 *
 * What no fleet has written, such as a number beyond its bounds, is written over, so that one such key harms no other circuit of the message.
 */
export const circuitScript = `
local clock = redis.call("TIME")
local micros = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local now = math.floor(micros / 1000)
local node, channel, gone = ARGV[1], ARGV[2], tonumber(ARGV[3])
local said, longest, hold, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local late = said > 0 and now - said > longest
local function int(n) return string.format("%.0f", n) end
local kind, unpacked = type, cmsgpack.unpack
local most, mostKept, longestOpening = 9007199254740991, 9006099743113216, 3155760000000
local termPattern = "^" .. string.rep("([%d.e+-]+):", 8) .. "(%a+)$"
local function written(terms)
  local parts = { string.match(terms, termPattern) }
  if parts[9] ~= "agreed" and parts[9] ~= "any" then return false end
  for i = 1, 8 do
    local n = #parts[i] <= 24 and tonumber(parts[i])
    if not (n and n >= 0 and n <= 1e30) then return false end
  end
  return true
end
local states = { C = true, O = true, H = true, F = true }
-- To compare what is no number is an error, which the caller expects. A remainder by 1 is 0 for whole numbers alone.
local function counts(list, from, to)
  for i = from, to do
    local n = list[i]
    if not (n >= 0 and n <= most and n % 1 == 0) then return false end
  end
  return true
end
local function past(t, at) return t >= -most and t <= at and t % 1 == 0 end
local function sound(own, e, st, u, n, rows, worst, half, holders, terms, at)
  if not (states[st] and at <= most and past(at, at) and past(u, most) and u - at <= longestOpening and past(e, mostKept)
    and e >= 0 and past(n, mostKept) and n >= 0 and kind(rows) == "table" and kind(worst) == "table" and kind(half) == "table"
    and kind(holders) == "table" and #rows % 4 == 0 and #holders % 2 == 0) then return false end
  for i = 1, #rows, 4 do
    local t, c, f, s = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
    if not (t >= -most and t <= at and t % 1 == 0 and c >= 0 and c <= most and c % 1 == 0 and f >= 0 and f <= most
      and f % 1 == 0 and s >= 0 and s <= most and s % 1 == 0) then return false end
  end
  if #worst > 0 and not (#worst == 5 and kind(worst[1]) == "string" and counts(worst, 2, 4) and past(worst[5], at)) then
    return false
  end
  if #half > 0 and not (#half == 6 and past(half[1], at) and counts(half, 2, 6) and half[6] <= longestOpening) then return false end
  for i = 1, #holders, 2 do
    local t = holders[i + 1]
    if not (kind(holders[i]) == "string" and t >= -most and t <= most) then return false end
  end
  return terms == own or terms == "" or written(terms)
end
local function read(raw, own)
  local e, st, u, n, rows, worst, half, holders, terms, at = unpacked(raw)
  return sound(own, e, st, u, n, rows, worst, half, holders, terms, at), e, st, u, n, rows, worst, half, holders, terms, at
end
local function isOther(told) return string.find(told.err, "WRONGTYPE", 1, true) end
local added = redis.pcall("ZADD", KEYS[1], now, node)
if kind(added) == "table" then
  if not isOther(added) then return added end
  redis.call("DEL", KEYS[1])
  redis.call("ZADD", KEYS[1], now, node)
end
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - gone)
redis.call("ZREMRANGEBYSCORE", KEYS[1], now + gone, "+inf")
redis.call("PEXPIRE", KEYS[1], gone)
local nodes = redis.call("ZCARD", KEYS[1])
local sequence = redis.pcall("GET", KEYS[2]) or "0"
if kind(sequence) == "table" and not isOther(sequence) then return sequence end
if kind(sequence) == "table" or #sequence > 16 or sequence ~= "0" and not string.find(sequence, "^[1-9]%d*$")
  or tonumber(sequence) > mostKept then
  redis.call("DEL", KEYS[2])
  sequence = "0"
end
local out = { int(now), int(nodes), "" }
for k = 3, #KEYS do
  local a = 7 + (k - 3) * 29
  local function num(i) return tonumber(ARGV[a + i]) end
  local epoch, state, remaining, openings = num(1), ARGV[a + 2], num(3), num(4)
  local c, f, s, oc, of, os = num(5), num(6), num(7), num(8), num(9), num(10)
  local wish, openFor, size, span, minimum, rate, slowRate = ARGV[a + 11], num(12), num(13), num(14), num(15), num(16), num(17)
  local probes, probeRate, probeRow, any = num(18), num(19), num(20), ARGV[a + 21] == "any"
  local pr, pf, ps, prow, pvoid, pafter, pheld = num(22), num(23), num(24), num(25), num(26), num(27), num(28)
  local e, st, u, n, rows, worst, half, holders, terms, at = 0, "C", 0, 0, {}, {}, {}, {}, "", 0
  local raw = redis.pcall("GET", KEYS[k])
  if kind(raw) == "table" then
    if not isOther(raw) then return raw end
  elseif raw then
    local ok, is, e1, st1, u1, n1, rows1, worst1, half1, holders1, terms1, at1 = pcall(read, raw, ARGV[a + 29])
    if ok and is then
      e, st, u, n, rows, worst, half, holders, terms, at = e1, st1, u1, n1, rows1, worst1, half1, holders1, terms1, at1
    end
  end
  if now < at then
    local by = at - now
    u = u - by
    for i = 1, #rows, 4 do rows[i] = rows[i] - by end
    if worst[1] then worst[5] = worst[5] - by end
    if half[1] then half[1] = half[1] - by end
    for i = 2, #holders, 2 do holders[i] = holders[i] - by end
  end
  local reason, granted = nil, "0"
  local function begin(next) st = next; rows = {}; worst = {}; half = {}; holders = {} end
  local function to(next, why, length)
    begin(next)
    e = math.max(e + 1, micros)
    reason = why
    if next == "O" then n = n + 1; u = now + length elseif next ~= "H" then n = 0 end
  end
  if not late and epoch > e then
    begin(state == "H" and "O" or state)
    e = epoch; u = now + remaining; n = openings
  end
  if st == "O" and now >= u then to("H", "elapsed") end
  if not late then
    if wish == "F" then to("F", "command")
    elseif wish == "C" then to("C", "command")
    elseif wish == "O" and (st == "C" or st == "H") then to("O", "command", openFor)
    elseif wish == "O" and st == "O" and now + openFor > u then
      e = math.max(e + 1, micros); u = now + openFor; reason = "command"
    end
    local asks = wish == "T" or wish == "R"
    if st == "C" and epoch == e and (c > 0 or f > 0 or asks) then
      local m = #rows
      if c > 0 then
        if m > 0 and (now - rows[m - 3] < span / 10 or rows[m - 2] + c <= size / 20) then
          rows[m - 2] = rows[m - 2] + c; rows[m] = rows[m] + s
        else
          rows[m + 1] = now; rows[m + 2] = c; rows[m + 3] = 0; rows[m + 4] = s
        end
      end
      local left, i = f, #rows
      while left > 0 and i > 0 do
        local failed = math.min(left, math.max(0, rows[i - 2] - rows[i - 1]))
        rows[i - 1] = rows[i - 1] + failed
        left = left - failed
        i = i - 4
      end
      local tc, tf, ts = 0, 0, 0
      for i = 1, #rows, 4 do tc = tc + rows[i + 1]; tf = tf + rows[i + 2]; ts = ts + rows[i + 3] end
      local first = 1
      while first <= #rows and tc - rows[first + 1] >= size and now - rows[first] >= span do
        tc = tc - rows[first + 1]; tf = tf - rows[first + 2]; ts = ts - rows[first + 3]
        first = first + 4
      end
      if first > 1 then
        local kept = {}
        for i = first, #rows do kept[#kept + 1] = rows[i] end
        rows = kept
      end
      local from = rows[1] or now
      if not worst[1] or worst[1] == node or math.max(of, os) >= math.max(worst[3], worst[4])
        or now - worst[5] > math.max(2000, now - from) then
        worst = { node, oc, of, os, now }
      end
      local xc, xf, xs = math.max(0, tc - worst[2]), math.max(0, tf - worst[3]), math.max(0, ts - worst[4])
      local few = xc < minimum
      local agree = few or xf / xc >= rate
      local agreeSlow = few or xs / xc >= slowRate
      local enough = any and minimum or math.max(2 * minimum, size / 2)
      if asks and (any or few or wish == "R" and agree) then to("O", "tripped", openFor)
      elseif tc >= enough and (tf / tc >= rate and (any or agree) or ts / tc >= slowRate and (any or agreeSlow)) then
        to("O", "rates", openFor)
      end
    end
    if st == "H" then
      if not half[1] then half = { now, 0, 0, 0, 0, 0 } end
      local kept = {}
      local back, held = 0, 0
      if epoch == e then
        for i = 1, #holders, 2 do
          if holders[i + 1] > now and holders[i] == node then back = back + 1 end
        end
        back = math.max(back - pheld, pr + pvoid)
      end
      for i = 1, #holders, 2 do
        if holders[i + 1] > now then
          if holders[i] == node and back > 0 then back = back - 1
          else
            local till = holders[i + 1]
            if holders[i] == node then
              held = held + 1
              if epoch == e then till = math.max(till, now + hold) end
            end
            kept[#kept + 1] = holders[i]; kept[#kept + 1] = till
          end
        end
      end
      holders = kept
      if epoch == e then
        half[2] = half[2] + pr; half[3] = half[3] + pf; half[4] = half[4] + ps
        if pr > 0 then half[5] = prow + (pf == pr and half[5] or 0) end
        half[6] = math.max(half[6], pafter)
      end
      local function fails(missing)
        return (half[3] + missing) / probes >= probeRate or (half[4] + missing) / probes >= slowRate
          or half[5] + missing >= probeRow
      end
      if fails(0) then to("O", "probes", math.max(openFor, half[6]))
      elseif not fails(math.max(0, probes - half[2])) then to("C", "probes")
      elseif wish == "P" and #holders / 2 + half[2] < probes
        and (held < math.ceil(probes / math.min(nodes, probes)) or now - half[1] > 1000) then
        holders[#holders + 1] = node; holders[#holders + 1] = now + hold
        granted = "1"
      end
    end
  end
  local other = ""
  if not late then
    if terms ~= ARGV[a + 29] then other = terms end
    terms = ARGV[a + 29]
  end
  local left = st == "O" and math.max(0, u - now) or 0
  redis.call("SET", KEYS[k], cmsgpack.pack(e, st, u, n, rows, worst, half, holders, terms, now), "PX", int(keep + left))
  if reason then
    sequence = int(redis.call("INCR", KEYS[2]))
    redis.call("PUBLISH", channel, table.concat({ int(e), st, int(left), int(n), reason, sequence, KEYS[k] }, "|"))
  end
  if st == "C" and e == epoch then out[#out + 1] = int(now - (rows[1] or now))
  else out[#out + 1] = table.concat({ int(e), st, int(left), int(n), granted }, "|") end
  out[#out + 1] = other
end
out[3] = sequence
return out
`

/** The SHA-1 of the script, by which Redis knows it once it has run. */
export const circuitScriptId = "90359d3fb937a208fb2e5d53a6ecc56c5c6d79cd"
