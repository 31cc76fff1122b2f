-- RELEASE: an owner that was told to leave gives back what it has in its hands. KEYS m due inf pl; ARGV ep, now.
-- The position is not compared: what is in hand is in hand, however far the index is.
if redis.call('HGET', KEYS[1], 'ep') ~= ARGV[1] then return {'M'} end
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  if redis.call('HEXISTS', KEYS[4], id) == 1 then redis.call('ZADD', KEYS[2], ARGV[2], id) end
end
redis.call('UNLINK', KEYS[3])
return {'O'}
