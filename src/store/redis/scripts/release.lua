-- Ends a lease, if it is the holder's own, and wakes whoever is next; or a candidate's wait.
--
-- KEYS: lock, record, queue; then lock and record of each slot but the first, since the candidate may not know
-- which one it has.  ARGV: holder id, events channel.
-- Answers: {'released'}: nothing of this holder is left.
local id, channel = ARGV[1], ARGV[2]

local now, queue = server_ms(), queue_of(KEYS[3], channel)
local openings, is_released = {}, false
local function release(slot, lock, record)
  local value = redis.call('GET', lock)
  -- Scripts do not roll back, so the write that matters comes first.
  if value == id then redis.call('DEL', lock) end
  local fields = redis.call('HMGET', record, 'holder', 'fence', 'until')
  local ends = tonumber(fields[3] or 0) or 0
  local opening = {slot = slot, fence = tonumber(fields[2] or 0) or 0}
  -- A lock that was only a vote has no record, and that of the lease before is none of its business.
  if fields[1] == id and (not value or value == id) then
    -- Without `until` the lease ended cleanly, and nobody has to wait for it. The fence stays.
    redis.call('HDEL', record, 'until')
    -- Whoever releases it again, since the answer was lost, does not begin the turns again.
    if now and (value or ends > 0) then free(queue, id, opening, now) end
    -- In pcall, because releasing must work without the right to publish.
    redis.pcall('PUBLISH', channel, event('released', slot) .. ' ' .. id)
    is_released = true
  elseif now and not value and ends <= now then
    openings[#openings + 1] = opening
  end
end

release(0, KEYS[1], KEYS[2])
for i = 4, #KEYS, 2 do release(i / 2 - 1, KEYS[i], KEYS[i + 1]) end
if now and not is_released then leave(queue, id, openings, now) end
return {'released'}
