-- Ends a lease under which a job has run, if it is the holder's own: frees the key, or keeps it from
-- everybody for the rest of a hold, or parks it for one node; and writes down the result.
--
-- KEYS: lock, record.  ARGV: holder id, events channel, token, hold in ms from the acquisition (0:
-- none), identity to park for ('': none), ttl in ms, once in ms (0: none), status ('': no result),
-- started and finished in ms, node.
-- Answers: {'released'}: nothing of this holder stands here (any more), or just what was asked for.
local lock, record = KEYS[1], KEYS[2]
local id, token, hold, identity, ttl = ARGV[1], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local once, status = tonumber(ARGV[7]), ARGV[8]
local record_lifetime = 90 * 86400 * 1000

local function whole(number) return string.format('%.0f', number) end
local function is_refusal(reply) return type(reply) == 'table' and reply.err end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'holder', 'since')
if value ~= id and (value or fields[1] ~= id) then return {'released'} end

-- The clock may have been set since; a hold is never longer than was asked for.
local since = tonumber(fields[2] or now) or now
local rest = math.min(math.max(since + hold - now, 0), hold)
local stays = rest + (identity ~= '' and ttl or 0)
if stays > 0 then
  local owner = identity ~= '' and 'parked:' .. identity or 'held:' .. id
  -- Where SET is refused for want of memory, the lock under the old id does as well: nobody has it.
  if is_refusal(redis.pcall('SET', lock, owner, 'PX', stays)) then
    redis.call('PEXPIRE', lock, stays)
  end
else
  redis.call('DEL', lock)
end

-- The lock stands as it should; what follows is for those who ask later and no reason to fail.
redis.pcall('HDEL', record, 'until', 'hold_until')
if rest > 0 then
  redis.pcall('HSET', record, 'until', whole(now + rest), 'ttl', whole(math.max(ttl, rest)),
    'hold_until', whole(now + rest))
end
if status ~= '' then
  redis.pcall('HSET', record, 'result_token', token, 'result_status', status,
    'result_started', ARGV[9], 'result_finished', ARGV[10], 'result_node', ARGV[11])
  if once > 0 and status == '0' then
    redis.pcall('HSET', record, 'once_until', whole(now + once))
    record_lifetime = math.max(record_lifetime, once + ttl)
  end
end
redis.pcall('PEXPIRE', record, record_lifetime)
redis.pcall('PUBLISH', ARGV[2], (stays > 0 and 'parked ' or 'released ') .. id)
return {'released'}
