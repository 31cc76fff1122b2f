-- The webhooks that have something held: a mark for each (1; 0 while a walk looks whether anything still is). How many there are stands
-- in m, so that whole() sees the list's loss.
local function held_changed()
  redis.call('HSET', KEYS[1], 'held', string.format('%d', redis.call('HLEN', KEYS[7])))
end
local function held_mark(webhook_id, mark)
  redis.call('HSET', KEYS[7], webhook_id, mark)
  held_changed()
end
