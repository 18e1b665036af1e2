-- Gives the lease to a candidate, or says who has it and for how long.
--
-- KEYS: lock, record.  ARGV: holder id, ttl in ms, events channel, node, host, pid, command, identity,
-- token of the run whose result is awaited ('0': of whatever run has the key; '': a result is no use),
-- '1' if whoever asks listens on the channel, else ''.
-- Answers: {'granted', token}
--          {'busy', holder id, rest in ms (-1: no expiry), ttl of that holder in ms (0: unknown), token
--           of that lease (0: unknown)}
--          {'done', status, token, node, started, finished}: a run has ended and nothing is to be run
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
local fields = redis.call('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'hold_until',
  'once_until', 'result_token', 'result_status', 'result_node', 'result_started', 'result_finished')
local fence = tonumber(fields[1] or 0) or 0
local ends = tonumber(fields[2] or 0) or 0
local holder_ttl = tonumber(fields[3] or 0) or 0
local holder = fields[4]
local held_until = tonumber(fields[5] or 0) or 0
local result_token = tonumber(fields[7] or 0) or 0
local awaited = tonumber(ARGV[9])

if value ~= id then
  local forbidden = (tonumber(fields[6] or 0) or 0) > now
  -- A candidate that joins takes the result of the run that it saw or of a later one; if it saw none
  -- but the key is still held after a run, then that one's.
  local joined = awaited and result_token > 0 and
    ((awaited > 0 and result_token >= awaited) or
     (awaited == 0 and value and value ~= holder and result_token == fence))
  if forbidden or joined then
    return {'done', fields[8] or '0', whole(result_token), fields[9] or '', fields[10] or '0',
      fields[11] or '0'}
  end
end

if value and value ~= id then
  local is_parked = string.sub(value, 1, 7) == 'parked:'
  local is_ours = is_parked and ARGV[8] ~= '' and value == 'parked:' .. ARGV[8]
  if is_ours and held_until > now then
    return {'busy', value, held_until - now, holder_ttl, whole(fence)}
  end
  if not is_ours then
    local known = holder and (value == holder or value == 'held:' .. holder or is_parked)
    return {'busy', value, redis.call('PTTL', lock), known and holder_ttl or 0,
      whole(known and fence or 0)}
  end
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
  return {'busy', holder or '', rest, holder_ttl, whole(fence)}
end

local is_own = value == id or (not value and holder == id and ends > now)
if not is_own then
  -- A server that has just started may have forgotten a lease whose holder is still running its
  -- job; a ttl later that holder has renewed here or stopped. A key that is parked for us is no
  -- exception, since the server may have come back from a snapshot that is older than that lease.
  -- The record may know a longer ttl than ours. With `appendfsync always` nothing is forgotten, but seeing that needs CONFIG, which the
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
  'since', whole(now), 'holder', id, 'identity', ARGV[8], 'listens', ARGV[10])
if not is_refusal(written) then written = redis.pcall('PEXPIRE', record, record_lifetime) end
if is_refusal(written) then
  redis.call('DEL', lock)
  return written
end
redis.pcall('PUBLISH', ARGV[3], 'acquired ' .. id .. ' ' .. token)
return {'granted', token}
