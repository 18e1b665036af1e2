-- Ends a lease for an administrator, even that of another holder, if it is still the one inspected.
--
-- KEYS: lock and record of its slot, queue.  ARGV: value of the lock and fence of the record as inspect.lua returned them
-- ('': there was none), events channel.
-- Answers: {'released'}, or {'changed'}: it is another lease by now, and nothing was done.
local lock, record = KEYS[1], KEYS[2]
local seen, fence, channel = ARGV[1], ARGV[2], ARGV[3]

local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'holder')
if (value or '') ~= seen or (fields[1] or '') ~= fence then return {'changed'} end

-- Scripts do not roll back, so the write that matters comes first.
if value then redis.call('DEL', lock) end
-- Without `until` nobody waits for the end of that lease, and its holder's next renewal finds that it
-- was ended rather than forgotten. `once_until` stays, since it is about the last run, and so does the
-- fence.
redis.call('HDEL', record, 'until', 'hold_until')
if value and value ~= fields[2] and string.sub(value, 1, 5) ~= 'held:' and
   string.sub(value, 1, 7) ~= 'parked:' then
  -- The record does not describe this lease, so its holder would believe that the server has forgotten
  -- the lease, and set it again. No token is greater than both the server's time and the fence.
  redis.pcall('HSET', record, 'fence', whole(math.max(tonumber(fence) or 0, (server_ms()) or 0)))
  redis.pcall('PEXPIRE', record, record_lifetime)
end
local now = server_ms()
if now then
  local last = tonumber(redis.call('HMGET', record, 'fence')[1] or 0) or 0
  free(queue_of(KEYS[3], channel), '', {slot = slot_of(record), fence = last}, now)
end
-- The holder may hear only its own part of the channel.
if value then redis.pcall('PUBLISH', channel .. ':' .. value, 'broken') end
-- In pcall, because releasing must work without the right to publish.
redis.pcall('PUBLISH', channel, 'broken')
return {'released'}
