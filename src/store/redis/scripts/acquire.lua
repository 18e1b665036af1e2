-- Gives the lease to a candidate, or says who has it and for how long.
--
-- KEYS: lock, record.  ARGV: holder id, events channel, ttl in ms, node, host, pid, label, identity,
-- token of the run whose result is awaited ('0': of whatever run has the key; '': the candidate does
-- not join), '1' if the candidate is subscribed to the channel, else '', seconds that the server has
-- been up, at least, by what the candidate knows ('': nothing).
-- Answers: {'granted', token}
--          {'busy', holder id, rest in ms (-1: no expiry), ttl of that holder in ms (0: unknown), token
--           of that lease (0: unknown)}
--          {'done', status, token, node, started, finished}: a run has ended and must not be repeated
--          {'young', seconds since the server started, rest in ms}
--          {'ageless'}: nothing was done, since INFO does not say how long the server has been up, and the
--           candidate has not said it either
local lock, record = KEYS[1], KEYS[2]
local id, channel, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local node, host, pid, label, identity = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local awaited, listens, known_age = tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11])

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'hold_until',
  'once_until', 'result_token', 'result_status', 'result_node', 'result_started', 'result_finished')
local fence = tonumber(fields[1] or 0) or 0
local ends = tonumber(fields[2] or 0) or 0
local holder_ttl = tonumber(fields[3] or 0) or 0
local holder = fields[4]
local held_until = tonumber(fields[5] or 0) or 0
local result_token = tonumber(fields[7] or 0) or 0

if value ~= id then
  local forbidden = (tonumber(fields[6] or 0) or 0) > now
  -- A candidate that joins takes the result of the run that it saw, or of a later one. If it saw none
  -- and the key is still held after a run, it takes the result of that run.
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
  local is_ours = is_parked and identity ~= '' and value == 'parked:' .. identity
  if is_ours and held_until > now then
    -- The `ttl` in the record is at least the hold; after a step of the clock the rest may be longer.
    local rest = held_until - now
    if holder_ttl > 0 then rest = math.min(rest, holder_ttl) end
    return {'busy', value, rest, holder_ttl, whole(fence)}
  end
  if not is_ours then
    local known = holder and (value == holder or value == 'held:' .. holder or is_parked)
    local rest = redis.call('PTTL', lock)
    -- No lock of ours is set for longer than this. If it lasts longer, the clock was set back, and a
    -- lease whose holder is dead would last as long as that.
    local longest = is_parked and 2 * holder_ttl or holder_ttl
    if known and longest > 0 and rest > longest then
      rest = longest
      redis.call('PEXPIRE', lock, rest)
    end
    return {'busy', value, rest, known and holder_ttl or 0, whole(known and fence or 0)}
  end
end

if value == id and holder == id then
  -- The reply to an earlier attempt was lost: it is the same lease, with the same token.
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
    -- No lease ends later than a ttl from now, so the clock was set back. Waiting for it to catch up
    -- could take years.
    rest = holder_ttl
    redis.pcall('HSET', record, 'until', whole(now + rest))
  end
  return {'busy', holder or '', rest, holder_ttl, whole(fence)}
end

local is_own = value == id or (not value and holder == id and ends > now)
if not is_own then
  -- A server that has just started may have forgotten a lease whose holder is still running its job;
  -- a ttl later that holder has renewed here or stopped. A key that is parked for this candidate is no
  -- exception, since the server may have loaded a snapshot that is older than that lease. The record
  -- may have a longer ttl than ours. With `appendfsync always` nothing is forgotten, but to find out
  -- needs CONFIG, which is not among the rights that we ask for, so the rule applies to every server.
  -- Uptime is in whole seconds of the wall clock, hence one more.
  local uptime = known_age
  if not uptime then
    local info = redis.pcall('INFO', 'server')
    uptime = not is_refusal(info) and tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
    if not uptime then return {'ageless'} end
  end
  local needed = math.ceil(math.max(ttl, ends > 0 and holder_ttl or 0) / 1000) + 1
  if uptime < needed then
    return {'young', uptime, (needed - uptime) * 1000 - now % 1000}
  end
end

local token = whole(math.max(fence + 1, now))
-- The lock first. A server that is out of memory, a replica, or cannot save refuses the first write of
-- a script and no later one, so a refused SET leaves nothing behind. The record can still be refused
-- for lack of rights; then the lock is deleted, since an error must not be half a grant.
redis.call('SET', lock, id, 'PX', ttl)
local written = redis.pcall('HSET', record, 'fence', token, 'until', whole(now + ttl),
  'ttl', whole(ttl), 'node', node, 'host', host, 'pid', pid, 'label', label,
  'since', whole(now), 'holder', id, 'identity', identity, 'listens', listens)
if not is_refusal(written) then written = redis.pcall('PEXPIRE', record, record_lifetime) end
if is_refusal(written) then
  redis.call('DEL', lock)
  return written
end
forget_command(record)
redis.pcall('PUBLISH', channel, 'acquired ' .. id .. ' ' .. token)
return {'granted', token}
