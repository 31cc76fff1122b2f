-- POSTPONE: retries in our hands that cannot be sent now go back to the schedule, for later. KEYS m due inf pl low tries held; ARGV ep, ap,
-- then id, due, webhook that holds it ('': none)... Their records in the log say an earlier time, or the same: rebuilt from it they would
-- only be looked at sooner.
local ids, back, dues = {}, {}, {}
for i = 3, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
local leases = #ids > 0 and redis.call('ZMSCORE', KEYS[3], unpack(ids)) or {}
for n, id in ipairs(ids) do
  if leases[n] then
    back[#back + 1] = id
    dues[#dues + 1], dues[#dues + 2] = ARGV[3 * n + 1], id
  end
end
if #back > 0 then
  redis.call('ZREM', KEYS[3], unpack(back))
  redis.call('ZADD', KEYS[2], unpack(dues))
end
for i = 3, #ARGV, 3 do
  if ARGV[i + 2] ~= '' then held_mark(ARGV[i + 2], '1') end
end
return {'O'}
