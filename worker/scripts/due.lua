-- CLAIM-DUE: retries whose time has come. KEYS m due inf pl low tries; ARGV ep, ap, now, lease, limit, suspect from, window, room, wait.
-- Answers the earliest due time that is left (0: none), then for each: how many owners ended with it in their hands, and the record.
-- Suspects for which there is no room wait. I: something scheduled has no record.
local answer = {'O', '0'}
local suspect_from, window, room = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, ARGV[5])) do
  local record = redis.call('HGET', KEYS[4], id)
  local tries = tries_of(id)
  local weight = weight_of(tries, suspect_from, window)
  if not record then return incomplete() end
  if weight > room then
    redis.call('ZADD', KEYS[2], ARGV[9], id)
  else
    redis.call('ZREM', KEYS[2], id)
    room = room - weight
    redis.call('ZADD', KEYS[3], ARGV[4], id)
    answer[#answer + 1] = tostring(math.min(tries, 9))
    answer[#answer + 1] = record
  end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if next[2] then answer[2] = next[2] end
return answer
