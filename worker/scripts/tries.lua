-- How many owners ended with a delivery in their hands. The hash is there only after an owner died. Suspects have a weight, and are claimed
-- while there is room.
local any_tries = redis.call('EXISTS', KEYS[6]) == 1
local function tries_of(id)
  return any_tries and tonumber(redis.call('HGET', KEYS[6], id) or 0) or 0
end
local function weight_of(tries, suspect_from, window)
  if tries < suspect_from then return 0 end
  return tries == suspect_from and 1 or window
end
