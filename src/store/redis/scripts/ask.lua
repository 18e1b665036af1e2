-- Asks the holder of a lease to stop its job and then to release, if it is still the lease inspected. The
-- holder finds that in the answer to its next renewal.
--
-- KEYS: lock and record of its slot, queue (not used).  ARGV: value of the lock and fence of the record as inspect.lua
-- returned them ('': there was none), events channel, node of whoever asks.
-- Answers: {'asked'}, or {'changed'}: it is another lease by now, and nothing was done.
local lock, record = KEYS[1], KEYS[2]
local seen, fence, channel, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'holder')
if (value or '') ~= seen or (fields[1] or '') ~= fence then return {'changed'} end

-- With the holder's id, so that no later lease is meant.
redis.call('HSET', record, 'asked', value or fields[2] or '', 'asked_by', node,
  'asked_as', '')
redis.pcall('PEXPIRE', record, record_lifetime)
-- Has the holder renew at once, which may hear only its own part of the channel. In pcall, because asking
-- must work without the right to publish.
redis.pcall('PUBLISH', channel .. ':' .. (value or fields[2] or ''), 'broken')
redis.pcall('PUBLISH', channel, 'broken')
return {'asked'}
