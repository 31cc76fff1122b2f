-- Idempotency keys: a hash per time slot and id prefix, so that they stay small and expire together. The field is the binary id, the
-- value "rank attempt revision" of the record that ended the delivery.
local function done_key(prefix, slot, id)
  return prefix .. slot .. ':' .. math.floor(string.byte(id, 1) * 16 + string.byte(id, 2) / 16)
end
local function done_find(prefix, newest, slots, id)
  for slot = newest, newest - slots + 1, -1 do
    local key = done_key(prefix, slot, id)
    local value = redis.call('HGET', key, id)
    if value then return value, key end
  end
end
