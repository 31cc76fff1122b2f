-- TAKE: a new owner takes the index. KEYS m due inf pl low tries held; ARGV ep, log, now, bound.
-- A later epoch fences us. An index that is empty, incomplete, of another log, or built from a later bound than ours is emptied: it is
-- rebuilt from the bound on. What the previous owner had in its hands goes back to the schedule, and it counts that it was left behind; what it had
-- claimed without a record is forgotten, since its event will be read again.
local m = redis.call('HMGET', KEYS[1], 'ep', 'ap', 'log', 'base', 'hi')
if m[1] and m[1] > ARGV[1] then return {'F', m[1]} end
if m[3] ~= ARGV[2] then redis.call('UNLINK', KEYS[6]) end
if m[3] ~= ARGV[2] or not m[4] or tonumber(m[4]) > tonumber(ARGV[4]) or not whole() then
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7])
  local ap = string.format('%d', tonumber(ARGV[4]) - 1)
  redis.call('HSET', KEYS[1], 'ep', ARGV[1], 'ap', ap, 'log', ARGV[2], 'base', ARGV[4])
  return {'O', ap, '-1'}
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  if redis.call('HEXISTS', KEYS[4], id) == 1 then redis.call('ZADD', KEYS[2], ARGV[3], id) end
  if m[1] ~= ARGV[1] then
    redis.call('HINCRBY', KEYS[6], id, 1)
    redis.call('EXPIRE', KEYS[6], 604800)
  end
end
redis.call('UNLINK', KEYS[3])
redis.call('HSET', KEYS[1], 'ep', ARGV[1])
return {'O', m[2], m[5] or '-1'}
