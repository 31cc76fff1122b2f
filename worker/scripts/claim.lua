-- CLAIM: deliveries of new events. KEYS m due inf pl; ARGV ep, ap, lease, done prefix, slot now, id...
-- Answers one digit an id: 1 a record of it exists, 0 it is ours until the lease ends.
local answer = {}
local prefix, slot = ARGV[4], tonumber(ARGV[5])
for i = 6, #ARGV do
  local id = ARGV[i]
  if redis.call('HEXISTS', KEYS[4], id) == 1 or done_find(prefix, slot, 3, id) then
    answer[#answer + 1] = '1'
  else
    redis.call('ZADD', KEYS[3], ARGV[3], id)
    answer[#answer + 1] = '0'
  end
end
return {'O', table.concat(answer)}
