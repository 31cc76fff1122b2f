-- SWEEP: one step through the schedule for one webhook. KEYS m due inf pl; ARGV ep, ap, cursor, count, lease, webhook id.
-- Answers the next cursor (0: the end), then the records that were scheduled for it; they are in our hands now.
local step = redis.call('HSCAN', KEYS[4], ARGV[3], 'COUNT', ARGV[4])
local answer = {'O', step[1]}
local wanted = '"webhook_id":"' .. ARGV[6] .. '"'
for i = 1, #step[2], 2 do
  local id, record = step[2][i], step[2][i + 1]
  if string.find(record, wanted, 1, true) and redis.call('ZREM', KEYS[2], id) == 1 then
    redis.call('ZADD', KEYS[3], ARGV[5], id)
    answer[#answer + 1] = record
  end
end
return answer
