-- Gives the lease to a candidate, or says who has it and for how long.
--
-- KEYS: lock, record.  ARGV: holder id, ttl in ms, events channel, node, host, pid, command.
-- Answers: {'granted', token}
--          {'busy', holder id, rest in ms (-1: no expiry), ttl of that holder in ms (0: unknown)}
--          {'young', seconds since the server started, rest in ms}
local lock, record = KEYS[1], KEYS[2]
local id, ttl = ARGV[1], tonumber(ARGV[2])
local record_lifetime = 90 * 86400 * 1000

-- tostring() would write large numbers as 1.7e+12.
local function whole(number) return string.format('%.0f', number) end
local function is_refusal(reply) return type(reply) == 'table' and reply.err end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'until', 'ttl', 'holder')
local fence = tonumber(fields[1] or 0) or 0
local ends = tonumber(fields[2] or 0) or 0
local holder_ttl = tonumber(fields[3] or 0) or 0
local holder = fields[4]

if value and value ~= id then
  return {'busy', value, redis.call('PTTL', lock), holder == value and holder_ttl or 0}
end

if value == id and holder == id then
  -- The answer to an earlier attempt was lost; it is the same lease, with the same token.
  redis.call('PEXPIRE', lock, ttl)
  redis.call('HSET', record, 'until', whole(now + ttl), 'ttl', whole(ttl))
  redis.call('PEXPIRE', record, record_lifetime)
  return {'granted', whole(fence)}
end

if not value and ends > now and holder ~= id then
  -- The lock vanished (evicted, deleted, a lost write) while its holder may still be running its
  -- job: everybody else waits until that lease would have ended.
  local rest = ends - now
  if holder_ttl > 0 and rest > holder_ttl then
    -- No lease ends later than a ttl from now, so the clock was put back. Waiting for it to catch
    -- up could take years.
    rest = holder_ttl
    redis.pcall('HSET', record, 'until', whole(now + rest))
  end
  return {'busy', holder or '', rest, holder_ttl}
end

if not value and not (holder == id and ends > now) then
  -- A server that has just started may have forgotten a lease whose holder is still running its
  -- job; a ttl later that holder has renewed here or stopped. The record may know a longer ttl than
  -- ours. With `appendfsync always` nothing is forgotten, but seeing that needs CONFIG, which the
  -- least rights do not include, so that the rule holds for every server. Uptime counts whole
  -- seconds of the wall clock, hence one more.
  local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
  local needed = math.ceil(math.max(ttl, ends > 0 and holder_ttl or 0) / 1000) + 1
  if uptime < needed then
    return {'young', uptime, (needed - uptime) * 1000 - now % 1000}
  end
end

local token = whole(math.max(fence + 1, now))
-- The lock first. A server refuses for want of memory, for its role or its disk at the first write
-- of a script and at no later one, so that a refused SET has left nothing behind. What can still
-- refuse the record is a missing right; then the lock goes again, since an error must not be half a
-- grant.
redis.call('SET', lock, id, 'PX', ttl)
local written = redis.pcall('HSET', record, 'fence', token, 'until', whole(now + ttl),
  'ttl', whole(ttl), 'node', ARGV[4], 'host', ARGV[5], 'pid', ARGV[6], 'command', ARGV[7],
  'since', whole(now), 'holder', id)
if not is_refusal(written) then written = redis.pcall('PEXPIRE', record, record_lifetime) end
if is_refusal(written) then
  redis.call('DEL', lock)
  return written
end
redis.pcall('PUBLISH', ARGV[3], 'acquired ' .. id)
return {'granted', token}
