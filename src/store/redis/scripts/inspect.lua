-- Returns what is stored at a slot of a key, for people. Changes nothing.
--
-- KEYS: lock and record of the slot, queue.
-- Answers: {'lease', value (nil: none), its length, rest in ms (-1: no expiry, -2: none), server time in
--           ms, then of the record: fence, until, ttl, holder, node, host, pid, label, since,
--           identity, listens, hold_until, once_until, command, then token, status, node, started and
--           finished of the last run that ended by itself, and of the last one that was made to end; nil
--           for a missing field; then how many candidates wait (-1: not known), and since when the first
--           does, in ms (nil: none)}. Texts are cut off after 1,024 bytes, which is more than we ever write.
--          {'other', 'key'} or {'other', 'record', value}: that one holds data of another type
local lock, record = KEYS[1], KEYS[2]

local function short(text) return text and string.sub(text, 1, 1024) end

local function is_other(reply)
  return is_refusal(reply) and string.find(reply.err, 'WRONGTYPE', 1, true)
end

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.pcall('GET', lock)
if is_other(value) then return {'other', 'key'} end
if is_refusal(value) then return value end
local fields = redis.pcall('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'node', 'host', 'pid',
  'label', 'since', 'identity', 'listens', 'hold_until', 'once_until', 'command',
  'result_token', 'result_status', 'result_node', 'result_started', 'result_finished',
  'stopped_token', 'stopped_status', 'stopped_node', 'stopped_started', 'stopped_finished')
if is_other(fields) then return {'other', 'record', short(value)} end
if is_refusal(fields) then return fields end

local answer = {'lease', short(value), value and #value or 0, redis.call('PTTL', lock),
  whole(now)}
for i = 1, #fields do answer[5 + i] = short(fields[i]) end
local queue = queue_of(KEYS[3])
answer[#fields + 6] = ask(queue, 'ZCOUNT', '(' .. whole(lapses + now), '(' .. whole(passed_over)) or -1
answer[#fields + 7] = false
-- Reading does not remove those that have lapsed.
for _, id in ipairs(first_ids(queue, in_line[2], 100)) do
  local lapse, number = score(queue, 'l' .. id), score(queue, 'p' .. id)
  if lapse and lapse > lapses + now then
    answer[#fields + 7] = whole(number)
    break
  end
end
return answer
