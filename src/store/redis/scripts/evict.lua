-- Ends a lease by hand, whoever has it, if it is still the one that was looked at.
--
-- KEYS: lock, record.  ARGV: value of the lock and fence of the record as inspect.lua gave them ('':
-- there was none), events channel.
-- Answers: {'released'}, or {'changed'}: it is another lease by now, which was left alone.
local lock, record = KEYS[1], KEYS[2]
local seen, fence = ARGV[1], ARGV[2]
local record_lifetime = 90 * 86400 * 1000

local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'holder')
if (value or '') ~= seen or (fields[1] or '') ~= fence then return {'changed'} end

-- Scripts do not roll back, so that what matters stands first.
if value then redis.call('DEL', lock) end
-- Without `until` nobody waits for the end of that lease, and its holder's next renewal finds that it
-- was ended rather than forgotten. What `once_until` forbids is a promise about the last run, which
-- goes on. The fence stays.
redis.call('HDEL', record, 'until', 'hold_until')
if value and value ~= fields[2] and string.sub(value, 1, 5) ~= 'held:' and
   string.sub(value, 1, 7) ~= 'parked:' then
  -- The record is not of this lease, so that its holder would take it for lost and set it again.
  -- No token is above the server's time or the fence.
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.pcall('HSET', record, 'fence',
    string.format('%.0f', math.max(tonumber(fence) or 0, now)))
  redis.pcall('PEXPIRE', record, record_lifetime)
end
-- In pcall, because releasing must work without the right to publish.
redis.pcall('PUBLISH', ARGV[3], 'broken')
return {'released'}
