-- POSTPONE: retries in our hands that cannot be sent now go back to the schedule, for later. KEYS m due inf pl; ARGV ep, ap, then id, due...
-- Their records in the log say an earlier time: rebuilt from it they would only be looked at sooner.
for i = 3, #ARGV, 2 do
  if redis.call('ZREM', KEYS[3], ARGV[i]) == 1 then redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i]) end
end
return {'O'}
