-- Ends a lease, if it is the holder's own, and wakes waiting candidates.
--
-- KEYS: lock, record.  ARGV: holder id, events channel.
-- Answers: {'released'}: nothing of this holder is left.
local lock, record = KEYS[1], KEYS[2]
local id, channel = ARGV[1], ARGV[2]

local value = redis.call('GET', lock)
-- Scripts do not roll back, so the write that matters comes first.
if value == id then redis.call('DEL', lock) end
local holder = redis.call('HMGET', record, 'holder')[1]
-- A lock that was only a vote has no record, and that of the lease before is none of its business.
if holder == id and (not value or value == id) then
  -- Without `until` the lease ended cleanly, and nobody has to wait for it. The fence stays.
  redis.call('HDEL', record, 'until')
  -- In pcall, because releasing must work without the right to publish.
  redis.pcall('PUBLISH', channel, 'released ' .. id)
end
return {'released'}
