-- Lets a lease run for a whole ttl again, and sets it again where the server forgot it.
--
-- KEYS: lock, record.  ARGV: holder id, ttl in ms, token, and, where the record must be written anew,
-- node, host, pid, command, identity, '1' if the holder listens on the events channel, else ''.
-- Answers: {'renewed'}, {'lost', holder id} (empty: nobody holds it), or {'incomplete'}: nothing was
-- done, since the record must be written and the call does not say what with.
local lock, record = KEYS[1], KEYS[2]
local id, ttl, token = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local record_lifetime = 90 * 86400 * 1000

local function whole(number) return string.format('%.0f', number) end

-- PEXPIRE with 0 deletes the lock and reports success.
if not ttl or ttl < 1 then return redis.error_reply('ERR the ttl of a lease is at least 1 ms') end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'until', 'holder')
local fence = tonumber(fields[1] or 0) or 0
local holder = fields[3]

if value and value ~= id then return {'lost', value} end

if not value then
  -- A higher fence is a later lease, and one of ours without `until` was released: a renewal that
  -- was delayed on its way must not bring back either.
  if fence > token then return {'lost', ''} end
  if fence == token and (not fields[2] or holder ~= id) then return {'lost', ''} end
end

local is_recorded = holder == id and fence > 0 and (value or fence == token)
if not is_recorded and not ARGV[4] then return {'incomplete'} end
if value then
  -- PEXPIRE passes where SET is refused for want of memory.
  redis.call('PEXPIRE', lock, ttl)
else
  redis.call('SET', lock, id, 'PX', ttl)
  -- Candidates that were told that the server is young wait for nothing else.
  local channel = 'cluster-leader:events:' .. string.sub(record, #'cluster-leader:record:' + 1)
  redis.pcall('PUBLISH', channel, 'acquired ' .. id .. ' ' .. whole(token))
end

-- The lock stands; the record is what later candidates wait by and is no reason to fail.
if is_recorded then
  redis.pcall('HSET', record, 'until', whole(now + ttl), 'ttl', whole(ttl))
else
  redis.pcall('HSET', record, 'fence', whole(math.max(fence, token)), 'until', whole(now + ttl),
    'ttl', whole(ttl), 'node', ARGV[4], 'host', ARGV[5], 'pid', ARGV[6], 'command', ARGV[7],
    'since', whole(token), 'holder', id, 'identity', ARGV[8], 'listens', ARGV[9])
end
redis.pcall('PEXPIRE', record, record_lifetime)
return {'renewed'}
