-- CHECK: the second's look, whether the index is whole (I: not). KEYS m due inf pl low tries held; ARGV ep, ap, now, cursor. Claims whose
-- lease ran out go back to the schedule.
-- Answers the earliest due time (0: none), how many are scheduled, how many of them are due, the position, the lowest offset of an open
-- delivery's last record ('': none is open), how many are held, the next cursor, and some of the webhooks that have something held.
if not whole() then return incomplete() end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-' .. ARGV[3], ARGV[3], 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], id)
  if redis.call('HEXISTS', KEYS[4], id) == 1 then redis.call('ZADD', KEYS[2], ARGV[3], id) end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local low = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
local step, held = redis.call('HSCAN', KEYS[7], ARGV[4], 'COUNT', 100), {}
for i = 1, #step[2], 2 do held[#held + 1] = step[2][i] end
return {'O', next[2] or '0', tostring(redis.call('ZCARD', KEYS[2])), tostring(redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[3])),
        ARGV[2], low[2] or '', redis.call('HGET', KEYS[1], 'holding') or '0', step[1], unpack(held)}
