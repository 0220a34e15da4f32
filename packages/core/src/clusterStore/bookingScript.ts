/**
 * The rules of `bookingRules` as Redis runs them.
 *
 * KEYS: a limit each. ARGV: the node's idea of the time of Redis or 0, how late a message may be, how long a limit is kept, then 13 for each limit: gap,
 * burst, ahead, want, back, unused, how old the first of those is and may be, how late a turn may be, after how long it is full at the
 * earliest, its terms, those before and how many times as much came in by them. Answers three texts for each limit: how many turns, when the first is, other terms. A limit is kept packed: when it is
 * full, when that was written, its terms, three numbers for each row, the terms by which its times are, and those by which else turns were booked.
 *
 * What no fleet has written, such as a number beyond its bounds, is written over, so that one such key harms no other limit of the message.
 */
export const bookingScript = `
local clock = redis.call("TIME")
local now = (tonumber(clock[1]) * 1000000 + tonumber(clock[2])) / 1000
local said, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local late = said > 0 and now - said > longest
local keptFor = tonumber(ARGV[3])
local kind, unpacked = type, cmsgpack.unpack
local function bounded(n) return kind(n) == "number" and math.abs(n) <= 9007199254740991 end
local function term(text)
  local n = text and #text <= 24 and tonumber(text)
  return n and n >= 1e-30 and n <= 1e30
end
local function termed(text)
  if text == "" then return true end
  local one, other = string.match(text, "^([%d.e+-]+):([%d.e+-]+)$")
  return term(one) and term(other)
end
local function sound(full, at, terms, rows, by, other)
  if not (bounded(full) and bounded(at) and kind(terms) == "string" and kind(rows) == "table" and kind(by) == "string"
    and kind(other) == "string" and #rows % 3 == 0) then return false end
  for i = 1, #rows do
    if not bounded(rows[i]) then return false end
  end
  return termed(terms) and termed(by) and termed(other)
end
local out = {}
for k = 1, #KEYS do
  local a = 3 + (k - 1) * 13
  local function num(i) return tonumber(ARGV[a + i]) end
  local gap, burst, ahead, want, back, unused = num(1), num(2), num(3), num(4), num(5), num(6)
  local oldest, within, latest, after, terms = num(7), num(8), num(9), num(10), ARGV[a + 11]
  local former, scale = ARGV[a + 12], num(13)
  local span = within + longest
  local depth = burst * gap
  local known, at, before, kept, by, other = 0, 0, "", {}, "", ""
  local raw = redis.pcall("GET", KEYS[k])
  if kind(raw) == "table" then
    if not string.find(raw.err, "WRONGTYPE", 1, true) then return raw end
  elseif raw then
    local ok, full1, at1, terms1, rows1, by1, other1 = pcall(unpacked, raw)
    if ok and sound(full1, at1, terms1, rows1, by1, other1 or "") then
      known, at, before, kept, by, other = full1, at1, terms1, rows1, by1, other1 or ""
    end
  end
  local setback = math.max(0, at - now)
  local full = math.max(now, known - setback)
  local rows = {}
  for i = 1, #kept, 3 do
    local from, to, by = kept[i] - setback, kept[i + 1] - setback, kept[i + 2]
    if to >= now - span then
      local last = rows[#rows]
      if not last or to - last[1] > (now - to) / 2 then rows[#rows + 1] = { from, to, by }
      else last[2], last[3] = to, math.max(last[3], by) end
    end
  end
  if by == "" and not late then by = terms end
  if not late and former ~= "" and (by ~= terms or other ~= "") then
    if by ~= terms and (by == former or other == former) then
      full = now + (full - now) * scale
      by = terms
    end
    full = math.min(full, now + depth)
    other = ""
  end
  local granted = 0
  if not late then
    full = math.min(math.max(now, full - back * gap), math.max(full, now + 2 * depth + ahead))
    if unused > 0 and said > 0 then
      local since = math.min(now, said) - oldest
      local most = 0
      for _, row in ipairs(rows) do
        if row[2] >= since then most = math.max(most, row[3]) end
      end
      local moved = math.max(0, math.min(unused * gap, latest - most, full - now))
      full = full - moved
      for _, row in ipairs(rows) do
        if row[2] >= since then row[3] = row[3] + moved end
      end
    end
    local emptied = back < 0 or now + after > full
    full = math.max(full, now + after)
    granted = math.max(0, math.min(want, math.floor((now + depth + ahead - full) / gap + 1e-6)))
    if by ~= terms and (granted > 0 or emptied) then other = terms end
  end
  local told = ""
  local blocked = full - now > 2 * depth + ahead
  for i, text in ipairs({ before, other, by }) do
    if told == "" and text ~= terms and (i == 1 or blocked) then told = text end
  end
  local first = full + gap - depth - now
  if granted > 0 then
    local last = rows[#rows]
    if not last or now - last[1] > 20 then rows[#rows + 1] = { now, now, math.max(0, -first) }
    else last[2], last[3] = now, math.max(last[3], -first) end
  end
  full = full + granted * gap
  local ends = full
  if #rows > 0 then ends = math.max(full, rows[#rows][2] + span) end
  if late then terms = before end
  local flat = {}
  for i, row in ipairs(rows) do flat[3 * i - 2], flat[3 * i - 1], flat[3 * i] = row[1], row[2], row[3] end
  redis.call("SET", KEYS[k], cmsgpack.pack(full, now, terms, flat, by, other), "PX", math.ceil(ends - now + keptFor))
  out[#out + 1] = string.format("%.0f", granted)
  out[#out + 1] = string.format("%.17g", first)
  out[#out + 1] = told
end
return out
`

/** The SHA-1 of the script, by which Redis knows it once it has run. */
export const bookingScriptId = "7ed3c14ae6f687a150956f2271817df29a51e500"
