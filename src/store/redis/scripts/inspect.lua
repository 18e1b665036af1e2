-- Says what stands at a key, for people. Changes nothing.
--
-- KEYS: lock, record.
-- Answers: {'lease', value (nil: none), its length, rest in ms (-1: no expiry, -2: none), server time in
--           ms, then of the record: fence, until, ttl, holder, node, host, pid, command, since,
--           identity, listens, hold_until, once_until; nil for what it has not}. Texts are cut off
--           behind 1,024 bytes, which is more than we ever write.
--          {'other', 'key'} or {'other', 'record', value}: that one holds data of another type
local lock, record = KEYS[1], KEYS[2]

local function short(text) return text and string.sub(text, 1, 1024) end

-- The error itself, unless it is about the type of the data.
local function is_error(reply) return type(reply) == 'table' and reply.err end
local function is_other(reply)
  return is_error(reply) and string.find(reply.err, 'WRONGTYPE', 1, true)
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.pcall('GET', lock)
if is_other(value) then return {'other', 'key'} end
if is_error(value) then return value end
local fields = redis.pcall('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'node', 'host', 'pid',
  'command', 'since', 'identity', 'listens', 'hold_until', 'once_until')
if is_other(fields) then return {'other', 'record', short(value)} end
if is_error(fields) then return fields end

local answer = {'lease', short(value), value and #value or 0, redis.call('PTTL', lock),
  string.format('%.0f', now)}
for i = 1, #fields do answer[5 + i] = short(fields[i]) end
return answer
