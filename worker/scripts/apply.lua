-- APPLY: fold records of the log into the index and move the position. KEYS m due inf pl; ARGV ep, ap, ap_to, done prefix, slot length, then
-- for each record: offset, id ('' moves the position only), rank, attempt, revision, due, updated, record ('' unless open).
-- A record that is worth less than what is known stops it: the position moves to the record before it.
local prefix, slot_ms = ARGV[4], tonumber(ARGV[5])
local function number3(text)
  local rank, attempt, revision = string.match(text, '^(%d+) (%d+) (%d+)')
  return tonumber(rank), tonumber(attempt), tonumber(revision)
end
for i = 6, #ARGV, 8 do
  local offset, id = ARGV[i], ARGV[i + 1]
  if id ~= '' then
    local rank, attempt, revision = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
    local slot = math.floor(tonumber(ARGV[i + 6]) / slot_ms)
    local known, key = redis.call('HGET', KEYS[4], id), nil
    if not known then known, key = done_find(prefix, slot + 1, 4, id) end
    if known then
      local krank, kattempt, krevision = number3(known)
      if krank > rank or (krank == rank and (kattempt > attempt or (kattempt == attempt and krevision > revision))) then
        redis.call('HSET', KEYS[1], 'ap', string.format('%d', tonumber(offset) - 1))
        return {'D', offset, tostring(krank), tostring(kattempt), tostring(krevision), key and '' or known}
      end
    end
    if key then redis.call('HDEL', key, id) end
    local head = ARGV[i + 2] .. ' ' .. ARGV[i + 3] .. ' ' .. ARGV[i + 4]
    redis.call('ZREM', KEYS[3], id)
    if ARGV[i + 7] ~= '' then
      redis.call('HSET', KEYS[4], id, head .. '\n' .. ARGV[i + 7])
      redis.call('ZADD', KEYS[2], ARGV[i + 5], id)
    else
      redis.call('HDEL', KEYS[4], id)
      redis.call('ZREM', KEYS[2], id)
      local done = done_key(prefix, slot, id)
      redis.call('HSET', done, id, head)
      redis.call('PEXPIREAT', done, string.format('%d', (slot + 3) * slot_ms))
    end
  end
end
redis.call('HSET', KEYS[1], 'ap', ARGV[3])
return {'O'}
