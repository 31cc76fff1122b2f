-- CLAIM: deliveries of new events. KEYS m due inf pl low tries; ARGV ep, ap, lease, done prefix, slot now, suspect from, window, room, id...
-- Answers a letter an id: R a record of it exists; S it is a suspect, there was no room for it, and it is left alone; a digit: it is ours
-- until the lease ends (its negative: no record yet, whole.lua), and so many owners ended with it in their hands.
local answer = {}
local prefix, slot, suspect_from, window, room = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
for i = 9, #ARGV do
  local id = ARGV[i]
  local tries = tries_of(id)
  local weight = weight_of(tries, suspect_from, window)
  if redis.call('HEXISTS', KEYS[4], id) == 1 or done_find(prefix, slot, 3, id) then
    answer[#answer + 1] = 'R'
  elseif weight > room then
    answer[#answer + 1] = 'S'
  else
    room = room - weight
    redis.call('ZADD', KEYS[3], '-' .. ARGV[3], id)
    answer[#answer + 1] = tostring(math.min(tries, 9))
  end
end
return {'O', table.concat(answer)}
