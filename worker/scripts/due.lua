-- CLAIM-DUE: retries whose time has come. KEYS m due inf pl; ARGV ep, ap, now, lease, limit.
-- Answers the earliest due time that is left (0: none), then the records.
local answer = {'O', '0'}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, ARGV[5])) do
  local record = redis.call('HGET', KEYS[4], id)
  redis.call('ZREM', KEYS[2], id)
  if record then
    redis.call('ZADD', KEYS[3], ARGV[4], id)
    answer[#answer + 1] = record
  end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if next[2] then answer[2] = next[2] end
return answer
