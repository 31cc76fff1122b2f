-- Idempotency keys: a hash per time slot and id prefix, so that they stay small and expire together. The field is the binary id, the
-- value "rank attempt revision" of the record that ended the delivery. A bucket lives for two slots after its own. Its name ends with the
-- id's first byte and a letter for the next four bits: a number in a name would cost more than looking into the bucket.
local call, byte, sub = redis.call, string.byte, string.sub
local letters = 'ABCDEFGHIJKLMNOP'
local slot_names = {}
local function done_key(prefix, slot, id)
  local name = slot_names[slot]
  if not name then
    name = prefix .. slot .. ':'
    slot_names[slot] = name
  end
  local sixteenth = (byte(id, 2) - byte(id, 2) % 16) / 16 + 1
  return name .. sub(id, 1, 1) .. sub(letters, sixteenth, sixteenth)
end
local function done_find(prefix, newest, slots, id)
  for slot = newest, newest - slots + 1, -1 do
    local key = done_key(prefix, slot, id)
    local value = call('HGET', key, id)
    if value then return value, key end
  end
end
local function done_add(prefix, slot, slot_ms, id, head)
  local key = done_key(prefix, slot, id)
  call('HSET', key, id, head)
  if call('HLEN', key) == 1 then call('PEXPIREAT', key, string.format('%d', (slot + 3) * slot_ms)) end
end
