-- CLAIM: deliveries of new events. KEYS m due inf pl low tries; ARGV ep, ap, lease, done prefix, slot now, suspect from, window, room, id...
-- Answers a letter an id: R a record of it exists; S it is a suspect, there was no room for it, and it is left alone; a digit: it is ours
-- until the lease ends (its negative: no record yet, whole.lua), and so many owners ended with it in their hands.
local answer, leases = {}, {}
local lease, prefix, slot = '-' .. ARGV[3], ARGV[4], tonumber(ARGV[5])
local suspect_from, window, room = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local open = call('EXISTS', KEYS[4]) == 1 and call('HMGET', KEYS[4], unpack(ARGV, 9)) or {}
for i = 9, #ARGV do
  local id = ARGV[i]
  local tries = tries_of(id)
  local weight = weight_of(tries, suspect_from, window)
  if open[i - 8] or done_find(prefix, slot, 3, id) then
    answer[#answer + 1] = 'R'
  elseif weight > room then
    answer[#answer + 1] = 'S'
  else
    room = room - weight
    leases[#leases + 1] = lease
    leases[#leases + 1] = id
    answer[#answer + 1] = tries == 0 and '0' or tostring(math.min(tries, 9))
  end
end
if #leases > 0 then call('ZADD', KEYS[3], unpack(leases)) end
return {'O', table.concat(answer)}
