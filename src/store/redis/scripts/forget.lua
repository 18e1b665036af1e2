-- Forgets that a key has been run and is not to be run again, if nobody has taken it since it was
-- inspected. What the last run came to stays, for people.
--
-- KEYS: lock and record of a slot, queue (not used).  ARGV: value of the lock and fence as inspect.lua returned them
-- ('': there was none).
-- Answers: {'forgotten'}, or {'changed'}: it is another lease by now, and nothing was done.
local lock, record = KEYS[1], KEYS[2]

local value = redis.call('GET', lock)
if (value or '') ~= ARGV[1] or (redis.call('HMGET', record, 'fence')[1] or '') ~= ARGV[2] then
  return {'changed'}
end
redis.call('HDEL', record, 'once_until')
return {'forgotten'}
