-- Whether the partition's keys agree: each open delivery has a record (pl), is in low, and is either scheduled (due) or in hand (inf).
-- A claim without a record stands in inf with the negative of its lease, and does not count. A key that was deleted by itself, by
-- eviction or by somebody, shows here; whoever finds it makes the index unusable, so that it is built again from the log.
local function whole()
  local open = redis.call('HLEN', KEYS[4])
  return redis.call('ZCARD', KEYS[5]) == open
    and redis.call('ZCARD', KEYS[2]) + redis.call('ZCOUNT', KEYS[3], '(0', '+inf') == open
    and tonumber(redis.call('HGET', KEYS[1], 'held') or 0) == redis.call('HLEN', KEYS[7])
end
local function incomplete()
  redis.call('HDEL', KEYS[1], 'ap', 'base')
  return {'I'}
end
