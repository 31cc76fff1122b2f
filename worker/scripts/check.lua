-- CHECK: the second's look. KEYS m due inf pl; ARGV ep, ap, now. Claims whose lease ran out go back to the schedule.
-- Answers the earliest due time (0: none), how many are scheduled, how many of them are due.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[3], 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], id)
  if redis.call('HEXISTS', KEYS[4], id) == 1 then redis.call('ZADD', KEYS[2], ARGV[3], id) end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {'O', next[2] or '0', tostring(redis.call('ZCARD', KEYS[2])), tostring(redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[3]))}
