-- CLAIM-DUE: retries whose time has come. KEYS m due inf pl low tries; ARGV ep, ap, now, lease, limit, suspect from, window, room, wait.
-- Answers the earliest due time that is left (0: none), then for each: how many owners ended with it in their hands, and the record.
-- Suspects for which there is no room wait. I: something scheduled has no record.
local answer = {'O', '0'}
local suspect_from, window, room = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, ARGV[5])
local records = #ids > 0 and redis.call('HMGET', KEYS[4], unpack(ids)) or {}
local taken, leases, wait = {}, {}, {}
for i, id in ipairs(ids) do
  local tries = tries_of(id)
  local weight = weight_of(tries, suspect_from, window)
  if not records[i] then return incomplete() end
  if weight > room then
    wait[#wait + 1], wait[#wait + 2] = ARGV[9], id
  else
    room = room - weight
    taken[#taken + 1] = id
    leases[#leases + 1], leases[#leases + 2] = ARGV[4], id
    answer[#answer + 1], answer[#answer + 2] = tostring(math.min(tries, 9)), records[i]
  end
end
if #wait > 0 then redis.call('ZADD', KEYS[2], unpack(wait)) end
if #taken > 0 then
  redis.call('ZREM', KEYS[2], unpack(taken))
  redis.call('ZADD', KEYS[3], unpack(leases))
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if next[2] then answer[2] = next[2] end
return answer
