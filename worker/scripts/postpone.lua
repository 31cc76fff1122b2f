-- POSTPONE: retries in our hands that cannot be sent now go back to the schedule, for later. KEYS m due inf pl low tries held; ARGV ep, ap,
-- then id, due, webhook that holds it ('': none)... Their records in the log say an earlier time, or the same: rebuilt from it they would
-- only be looked at sooner.
local dues = {}
for i = 3, #ARGV, 3 do
  if redis.call('ZREM', KEYS[3], ARGV[i]) == 1 then dues[#dues + 1], dues[#dues + 2] = ARGV[i + 1], ARGV[i] end
  if ARGV[i + 2] ~= '' then held_mark(ARGV[i + 2], '1') end
end
if #dues > 0 then redis.call('ZADD', KEYS[2], unpack(dues)) end
return {'O'}
