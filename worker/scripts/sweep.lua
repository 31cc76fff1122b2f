-- SWEEP: one step through the schedule for one webhook. KEYS m due inf pl low tries held; ARGV ep, ap, cursor, count, lease, webhook id,
-- suspect from, now, unhold, then what a record of that webhook has in it: as JSON, packed. Answers the next cursor (0: the end), then the
-- records that were scheduled for it; they are in our hands now. Suspects become due instead. unhold: 1 when nothing of the webhook is held
-- any more: the walk's first step marks it with 0, what is held meanwhile with 1 again, and the last step takes it off the list if nothing
-- was.
local unhold = ARGV[9] == '1' and redis.call('HEXISTS', KEYS[7], ARGV[6]) == 1
if unhold and ARGV[3] == '0' then held_mark(ARGV[6], '0') end
local step = redis.call('HSCAN', KEYS[4], ARGV[3], 'COUNT', ARGV[4])
local answer = {'O', step[1]}
local suspect_from = tonumber(ARGV[7])
for i = 1, #step[2], 2 do
  local id, record = step[2][i], step[2][i + 1]
  if (string.find(record, ARGV[11], 1, true) or string.find(record, ARGV[10], 1, true)) and redis.call('ZSCORE', KEYS[2], id) then
    if tries_of(id) >= suspect_from then
      redis.call('ZADD', KEYS[2], ARGV[8], id)
    else
      redis.call('ZREM', KEYS[2], id)
      redis.call('ZADD', KEYS[3], ARGV[5], id)
      answer[#answer + 1] = record
    end
  end
end
if unhold and step[1] == '0' and redis.call('HGET', KEYS[7], ARGV[6]) == '0' then
  redis.call('HDEL', KEYS[7], ARGV[6])
  held_changed()
end
return answer
