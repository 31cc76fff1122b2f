-- The first lines of every script but TAKE: it runs only for the present owner, and only from the position that the owner believes in.
local m = redis.call('HMGET', KEYS[1], 'ep', 'ap')
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then
  if m[1] and m[1] > ARGV[1] then return {'F', m[1]} end
  return {'M'}
end
