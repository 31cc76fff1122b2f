-- APPLY: fold records of the log into the index and move the position. KEYS m due inf pl low tries held; ARGV ep, ap, ap_to, done prefix,
-- slot length, then for each record: offset, id ('' moves the position only), rank, attempt, revision, due, updated, offset of its event
-- (-1: none), webhook that holds it ('': none), record ('' unless open).
-- What tells of an attempt, or of an end, is an outcome: its owners' deaths count no more.
-- A record that is worth less than what is known stops it: the position moves to the record before it.
local prefix, slot_ms = ARGV[4], tonumber(ARGV[5])
local hi = tonumber(redis.call('HGET', KEYS[1], 'hi') or -1)
local held = redis.call('EXISTS', KEYS[4]) == 1 and tonumber(redis.call('HGET', KEYS[1], 'holding') or 0) or 0
local any_tries = redis.call('EXISTS', KEYS[6]) == 1
local function number3(text)
  local rank, attempt, revision = string.match(text, '^(%d+) (%d+) (%d+)')
  return tonumber(rank), tonumber(attempt), tonumber(revision)
end
-- The fourth word of a held delivery's entry.
local function count_held(known)
  return string.find(known, '^%d+ %d+ %d+ h') and 1 or 0
end
local function stand_at(ap)
  redis.call('HSET', KEYS[1], 'ap', ap, 'hi', string.format('%d', hi), 'holding', string.format('%d', held))
end
for i = 6, #ARGV, 10 do
  local offset, id = ARGV[i], ARGV[i + 1]
  if id ~= '' then
    local rank, attempt, revision = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
    local slot = math.floor(tonumber(ARGV[i + 6]) / slot_ms)
    local known, key = redis.call('HGET', KEYS[4], id), nil
    if not known then known, key = done_find(prefix, slot + 1, 4, id) end
    local ended, tried = ARGV[i + 9] == '', attempt > 0
    if known then
      local krank, kattempt, krevision = number3(known)
      tried = attempt > kattempt
      if krank > rank or (krank == rank and (kattempt > attempt or (kattempt == attempt and krevision > revision))) then
        stand_at(string.format('%d', tonumber(offset) - 1))
        return {'D', offset, tostring(krank), tostring(kattempt), tostring(krevision), key and '' or known}
      end
    end
    if key then redis.call('HDEL', key, id) end
    if known and not key then held = held - count_held(known) end
    local head = ARGV[i + 2] .. ' ' .. ARGV[i + 3] .. ' ' .. ARGV[i + 4]
    redis.call('ZREM', KEYS[3], id)
    if any_tries and (ended or tried) then redis.call('HDEL', KEYS[6], id) end
    hi = math.max(hi, tonumber(ARGV[i + 7]))
    if not ended then
      if ARGV[i + 8] ~= '' then
        head, held = head .. ' h', held + 1
        held_mark(ARGV[i + 8], '1')
      end
      redis.call('HSET', KEYS[4], id, head .. '\n' .. ARGV[i + 9])
      redis.call('ZADD', KEYS[2], ARGV[i + 5], id)
      redis.call('ZADD', KEYS[5], offset, id)
    else
      redis.call('HDEL', KEYS[4], id)
      redis.call('ZREM', KEYS[2], id)
      redis.call('ZREM', KEYS[5], id)
      local done = done_key(prefix, slot, id)
      redis.call('HSET', done, id, head)
      redis.call('PEXPIREAT', done, string.format('%d', (slot + 3) * slot_ms))
    end
  end
end
stand_at(ARGV[3])
return {'O'}
