-- APPLY: fold records of the log into the index and move the position. KEYS m due inf pl low tries held; ARGV ep, ap, ap_to, done prefix,
-- slot length, then for each record: offset, id ('' moves the position only), "rank attempt revision", slot of its time, offset of its
-- event (-1: none), due ('' unless open), and of an open one: webhook that holds it ('': none), packed record.
-- What tells of an attempt, or of an end, is an outcome: its owners' deaths count no more.
-- A record that is worth less than what is known stops it: the position moves to the record before it.
-- What is in hand was claimed when no idempotency key of it was there, and what would have made one would have taken it out of hand: none
-- is looked for.
-- Most commands are variadic and come at the end: what a command costs Redis is mostly the call.
local prefix, slot_ms = ARGV[4], tonumber(ARGV[5])
local hi = tonumber(call('HGET', KEYS[1], 'hi') or -1)
local any_open = call('EXISTS', KEYS[4]) == 1
local held = any_open and tonumber(call('HGET', KEYS[1], 'holding') or 0) or 0
local any_tries = call('EXISTS', KEYS[6]) == 1
local ids, ended, left = {}, {}, {}
-- By id: what an open delivery is known by, "rank attempt revision" and its record; where one that these records open, or open again,
-- stands then. Kept up to date below.
local known_of, opened = {}, {}
local function numbers(head)
  local rank, attempt, revision = string.match(head, '^(%d+) (%d+) (%d+)')
  return tonumber(rank), tonumber(attempt), tonumber(revision)
end
-- The fourth word of a held delivery's entry.
local function count_held(known)
  return string.find(known, '^%d+ %d+ %d+ h') and 1 or 0
end
local function worth_less(rank, attempt, revision, krank, kattempt, krevision)
  return krank > rank or (krank == rank and (kattempt > attempt or (kattempt == attempt and krevision > revision)))
end
local function stand_at(ap)
  if #left > 0 then call('ZREM', KEYS[3], unpack(left)) end
  if #ended > 0 then
    call('HDEL', KEYS[4], unpack(ended))
    call('ZREM', KEYS[2], unpack(ended))
    call('ZREM', KEYS[5], unpack(ended))
  end
  local records, dues, offsets = {}, {}, {}
  for id, o in pairs(opened) do
    local n = #dues
    records[n + 1], records[n + 2] = id, known_of[id]
    dues[n + 1], dues[n + 2] = o.due, id
    offsets[n + 1], offsets[n + 2] = o.offset, id
  end
  if #dues > 0 then
    call('HSET', KEYS[4], unpack(records))
    call('ZADD', KEYS[2], unpack(dues))
    call('ZADD', KEYS[5], unpack(offsets))
  end
  call('HSET', KEYS[1], 'ap', ap, 'hi', string.format('%d', hi), 'holding', string.format('%d', held))
end
local i = 6
while i <= #ARGV do
  if ARGV[i + 1] ~= '' then ids[#ids + 1] = ARGV[i + 1] end
  i = i + (ARGV[i + 5] ~= '' and 8 or 6)
end
if any_open and #ids > 0 then
  local values = call('HMGET', KEYS[4], unpack(ids))
  for n = 1, #ids do known_of[ids[n]] = values[n] end
end
i = 6
while i <= #ARGV do
  local offset, id, head, due = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 5]
  local open = due ~= ''
  if id ~= '' then
    local known, key = known_of[id], nil
    local in_hand = not known and call('ZREM', KEYS[3], id) == 1
    if not known and not in_hand then known, key = done_find(prefix, tonumber(ARGV[i + 3]) + 1, 4, id) end
    if known or any_tries then
      local rank, attempt, revision = numbers(head)
      local tried = attempt > 0
      if known then
        local krank, kattempt, krevision = numbers(known)
        tried = attempt > kattempt
        if worth_less(rank, attempt, revision, krank, kattempt, krevision) then
          stand_at(string.format('%d', tonumber(offset) - 1))
          return {'D', offset, tostring(krank), tostring(kattempt), tostring(krevision), key and '' or known}
        end
      end
      if any_tries and (tried or not open) then call('HDEL', KEYS[6], id) end
    end
    if key then call('HDEL', key, id) end
    if known and not key then
      left[#left + 1] = id
      held = held - count_held(known)
    end
    hi = math.max(hi, tonumber(ARGV[i + 4]))
    if open then
      if ARGV[i + 6] ~= '' then
        head, held = head .. ' h', held + 1
        held_mark(ARGV[i + 6], '1')
      end
      known_of[id] = head .. '\n' .. ARGV[i + 7]
      opened[id] = {due = due, offset = offset}
    else
      known_of[id], opened[id] = nil, nil
      ended[#ended + 1] = id
      done_add(prefix, tonumber(ARGV[i + 3]), slot_ms, id, head)
    end
  end
  i = i + (open and 8 or 6)
end
stand_at(ARGV[3])
return {'O'}
