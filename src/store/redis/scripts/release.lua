-- Ends a lease, if it is the holder's own, and wakes whoever is next; or a candidate's wait.
--
-- KEYS: lock, record, queue.  ARGV: holder id, events channel.
-- Answers: {'released'}: nothing of this holder is left.
local lock, record = KEYS[1], KEYS[2]
local id, channel = ARGV[1], ARGV[2]

local value = redis.call('GET', lock)
-- Scripts do not roll back, so the write that matters comes first.
if value == id then redis.call('DEL', lock) end
local fields = redis.call('HMGET', record, 'holder', 'fence', 'until')
local holder, fence, ends = fields[1], tonumber(fields[2] or 0) or 0, tonumber(fields[3] or 0) or 0
local queue, now = queue_of(KEYS[3], channel), server_ms()
-- A lock that was only a vote has no record, and that of the lease before is none of its business.
if holder == id and (not value or value == id) then
  -- Without `until` the lease ended cleanly, and nobody has to wait for it. The fence stays.
  redis.call('HDEL', record, 'until')
  -- Whoever releases it again, since the answer was lost, does not begin the turns again.
  if now and (value or ends > 0) then free(queue, id, fence, now) end
  -- In pcall, because releasing must work without the right to publish.
  redis.pcall('PUBLISH', channel, 'released ' .. id)
elseif now then
  leave(queue, id, not value and ends <= now, fence, now)
end
return {'released'}
