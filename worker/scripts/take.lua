-- TAKE: a new owner takes the index. KEYS m due inf pl; ARGV ep, log, now.
-- A later epoch fences us. An index of another log is emptied. What the previous owner had in its hands goes back to the schedule;
-- what it had claimed without a record is forgotten, since its event will be read again.
local m = redis.call('HMGET', KEYS[1], 'ep', 'ap', 'log')
if m[1] and m[1] > ARGV[1] then return {'F', m[1]} end
if m[3] ~= ARGV[2] then
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
  redis.call('HSET', KEYS[1], 'ep', ARGV[1], 'ap', '-1', 'log', ARGV[2])
  return {'O', '-1'}
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  if redis.call('HEXISTS', KEYS[4], id) == 1 then redis.call('ZADD', KEYS[2], ARGV[3], id) end
end
redis.call('UNLINK', KEYS[3])
redis.call('HSET', KEYS[1], 'ep', ARGV[1])
return {'O', m[2]}
