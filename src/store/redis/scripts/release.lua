-- Ends a lease, if it is the holder's own, and wakes those who wait for it.
--
-- KEYS: lock, record.  ARGV: holder id, events channel.
-- Answers: {'released'}: nothing of this holder stands here (any more).
local lock, record = KEYS[1], KEYS[2]
local id = ARGV[1]

local value = redis.call('GET', lock)
-- Scripts do not roll back, so that what matters stands first.
if value == id then redis.call('DEL', lock) end
if value == id or (not value and redis.call('HMGET', record, 'holder')[1] == id) then
  -- Without `until` the lease ended cleanly, and nobody has to wait for it. The fence stays.
  redis.call('HDEL', record, 'until')
  -- In pcall, because releasing must work without the right to publish.
  redis.pcall('PUBLISH', ARGV[2], 'released ' .. id)
end
return {'released'}
