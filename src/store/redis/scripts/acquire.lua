-- Gives the lease to a candidate, or says who has it and for how long. As the vote of one server of a
-- quorum it gives only the lock, and leaves the record alone: adopt.lua follows if a majority votes alike.
--
-- KEYS: lock, record, queue, mark of the server's last promotion (none: the server is a node of a
-- cluster, and the mark is in another slot).
-- ARGV: holder id, events channel ('': a vote is asked for), ttl in ms, node, host, pid, label,
-- identity, token of the run whose result is awaited ('0': of whatever run has the key; '': the
-- candidate does not join), how the candidate waits ('': it tries once; '1': it is subscribed to the
-- channel; '2': to its own part of it, or to both); what it has
-- seen of the server, each '' if nothing: highest fence of the key, server time in ms that it expects,
-- at least and at most, ms since it noticed that the clock was set forward, ms since it noticed that
-- the fence had gone back; '1' if a promotion is to be noticed even if the key is not free, else '';
-- for a node of a cluster, the replication id with which notice.lua was asked, and what it has answered,
-- each '' if it was not; the era in which the candidate came ('?': it has not been told; '': it yields to
-- nobody), '1' if it supersedes others, else '', and ids whose leases it does not ask for; and, if INFO
-- is refused here: seconds that the server has been up, at least ('': ask INFO), its replication id ('':
-- not known), '1' if it may have been a replica, else ''.
-- Answers: {'granted', token}
--          {'voted', fence, server time in ms}
--          {'busy', holder id, rest in ms (-1: no expiry), ttl of that holder in ms (0: unknown), token
--           of that lease (0: unknown), server time in ms, fence, era, its place in the queue (0: none)}. For
--           a candidate with a place, the rest is how long it waits until it asks again.
--          {'superseded', node}: a newer candidate, on that node, has superseded this one
--          {'done', status, token, node, started, finished}: a run has ended and must not be repeated
--          {'young', seconds since the server started, rest in ms, server time in ms, fence, place}
--          {'promoted', seconds since that was noticed, and as 'young'}
--          {'suspect', '1' if that is new, rest in ms, server time in ms, fence, place}: the clock was set,
--           or the fence has gone back
--          {'unmarked', replication id, '1' if it was a replica, else ''}: nothing was done, since the node
--           may have been promoted, and the candidate has not asked when that was noticed
--          {'ageless'}: nothing was done, since INFO does not say how long the server has been up, and the
--           candidate has not said it either
local lock, record, mark = KEYS[1], KEYS[2], KEYS[4]
local id, channel, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local node, host, pid, label, identity = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local awaited, listens = tonumber(ARGV[9]), ARGV[10]
local seen_fence, earliest, latest = tonumber(ARGV[11]) or 0, tonumber(ARGV[12]), tonumber(ARGV[13])
local since_step, since_loss = tonumber(ARGV[14]), tonumber(ARGV[15])
local notices = ARGV[16]
local marked_replid, marked_since = ARGV[17], tonumber(ARGV[18])
local seen_era, supersedes, outer = ARGV[19], ARGV[20] == '1', ARGV[21]
local known_age, known_replid, known_as_replica = tonumber(ARGV[22]), ARGV[23], ARGV[24]

local is_vote = channel == ''
local waits = listens ~= '' and not is_vote
local queue = queue_of(KEYS[3], channel)

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'hold_until',
  'once_until', 'result_token', 'result_status', 'result_node', 'result_started', 'result_finished',
  'era', 'era_by', 'era_of')
local fence = tonumber(fields[1] or 0) or 0
local ends = tonumber(fields[2] or 0) or 0
local holder_ttl = tonumber(fields[3] or 0) or 0
local holder = fields[4]
local held_until = tonumber(fields[5] or 0) or 0
local result_token = tonumber(fields[7] or 0) or 0
local era = tonumber(fields[12] or 0) or 0

-- What identifies the history of the server's data, '' if that is not known, and whether it may have
-- been a replica; nothing if INFO is refused.
local replid, was_replica = known_replid, known_as_replica == '1'
local function replication()
  if not known_age and not replid then
    local info = redis.pcall('INFO', 'replication')
    if is_refusal(info) then return nil end
    replid = string.match(info, 'master_replid:(%x+)') or ''
    was_replica = string.find(info, 'second_repl_offset:%d')
  end
  return replid, was_replica
end

-- When it was first noticed that this server was promoted from a replica, in ms since 1970; nothing if
-- it was not. A promotion gives a server a new replication id, and keeps the one before and the offset
-- where that ended. Both may be forgotten later, hence the mark, which does not expire. A server that
-- was never a replica has no mark. Whatever else changes the id of a server with a mark, or leaves the
-- former id, as a restart may, counts as a promotion too. Then whether the candidate must read the mark.
local function noticed_promotion()
  local id_now, may_be_promoted = replication()
  if (id_now or '') == '' then return nil end
  if not mark then
    if marked_replid == id_now then return marked_since end
    -- A node forgets that it was a replica after an hour (repl-backlog-ttl), when shorter leases that
    -- may have been lost are over.
    return nil, may_be_promoted or ttl > 600000
  end
  local noticed = redis.call('HMGET', mark, 'replid', 'since')
  local since = tonumber(noticed[2] or '')
  -- After it, the clock was set back: waiting for it to catch up could take years.
  if noticed[1] == id_now and since and since <= now then return since end
  if not noticed[1] and not may_be_promoted then return nil end
  redis.call('HSET', mark, 'replid', id_now, 'since', whole(now))
  return now
end

local function unmarked() return {'unmarked', replid, was_replica and '1' or ''} end

-- The wait after a promotion begins when somebody notices it, so not only where a key is free. Where
-- that fails, it begins later.
if notices == '1' then
  local is_done, _, is_unmarked = pcall(noticed_promotion)
  if is_done and is_unmarked then return unmarked() end
end

-- Which one in line the candidate is, from 1 on; 0: it has no place.
local function place_in_line()
  if not waits then return 0 end
  sweep(queue, now)
  return stand(queue, id, ttl, now) and ahead_of(queue, id) + 1 or 0
end

local function busy(rest, known, is_ours)
  local place = place_in_line()
  if place > 0 and not is_ours then
    rest = rest < 0 and ttl or math.min(rest + pause_behind(place - 1), ttl)
  end
  return {'busy', value or holder or '', rest, known and holder_ttl or 0, whole(known and fence or 0),
    whole(now), whole(fence), whole(era), place}
end

-- Begins an era, in which whoever came before is sent away, and asks the holder for the key. An id begins
-- one once, and one more if the server has lost that.
local function supersede()
  era = math.max(era + 1, now)
  redis.call('HSET', record, 'era', whole(era), 'era_by', node, 'era_of', id)
  local owner = value or (ends > now and holder) or ''
  if owner ~= '' and not string.find(outer, owner, 1, true) then
    redis.call('HSET', record, 'asked', owner, 'asked_by', node, 'asked_as', '1')
  end
  redis.pcall('PEXPIRE', record, record_lifetime)
  -- Their places are over too, and they ask.
  ask(queue, 'DEL')
  tell_all(queue, id, owner, 'broken')
end

-- What is left of a lease that would last for longer than any: the clock was set back, and it would
-- last until that has caught up. Exactly if the candidate knows what the clock showed before.
local function without_step(rest, longest)
  if earliest and earliest > now then rest = rest - (earliest - now) end
  return math.max(1, math.min(rest, longest))
end

if value ~= id and not is_vote then
  local forbidden = (tonumber(fields[6] or 0) or 0) > now
  -- A candidate that joins takes the result of the run that it saw, or of a later one. If it saw none
  -- and the key is still held after a run, it takes the result of that run.
  local joined = awaited and result_token > 0 and
    ((awaited > 0 and result_token >= awaited) or
     (awaited == 0 and value and value ~= holder and result_token == fence))
  if forbidden or joined then
    leave(queue, id, not value and ends <= now, fence, now)
    return {'done', fields[8] or '0', whole(result_token), fields[9] or '', fields[10] or '0',
      fields[11] or '0'}
  end
  local came = tonumber(seen_era)
  if fields[14] ~= id then
    if came and era > came then
      leave(queue, id, not value and ends <= now, fence, now)
      return {'superseded', fields[13] or ''}
    end
    if supersedes and (not came or era < came) then supersede() end
  end
end

if value and value ~= id then
  local is_parked = string.sub(value, 1, 7) == 'parked:'
  local is_ours = is_parked and identity ~= '' and value == 'parked:' .. identity
  if is_ours and held_until > now then
    -- The `ttl` in the record is at least the hold; after a step of the clock the rest may be longer.
    local rest = held_until - now
    if holder_ttl > 0 then rest = math.min(rest, holder_ttl) end
    return busy(rest, true, true)
  end
  if not is_ours then
    local known = holder and (value == holder or value == 'held:' .. holder or is_parked)
    local rest = redis.call('PTTL', lock)
    -- No lock of ours is set for longer than this.
    local longest = is_parked and 2 * holder_ttl or holder_ttl
    if known and longest > 0 and rest > longest then
      rest = without_step(rest, longest)
      redis.call('PEXPIRE', lock, rest)
      if ends > now + rest then redis.pcall('HSET', record, 'until', whole(now + rest)) end
    end
    return busy(rest, known)
  end
end

if value == id and holder == id and not is_vote then
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
    rest = without_step(rest, holder_ttl)
    redis.pcall('HSET', record, 'until', whole(now + rest))
  end
  return busy(rest, true)
end

local is_own = value == id or (not value and holder == id and ends > now)
-- Whether the key is free, and others are in line for it.
local takes_turn = false
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
    if not uptime or not replication() then return {'ageless'} end
  end
  local longest = math.max(ttl, ends > 0 and holder_ttl or 0)
  local needed = math.ceil(longest / 1000) + 1
  local young_for = uptime < needed and (needed - uptime) * 1000 - now % 1000 or 0
  -- So has one that was promoted, if a lease had not reached it. It was noticed first when somebody
  -- came here, so after the last holder that renewed at the former primary. If it has also restarted,
  -- both times pass together.
  local promoted, is_unmarked = noticed_promotion()
  if is_unmarked then return unmarked() end
  local promoted_for = promoted and promoted + longest + 1000 - now or 0
  if promoted_for > young_for then
    return {'promoted', math.floor((now - promoted) / 1000), promoted_for, whole(now), whole(fence),
      place_in_line()}
  end
  if young_for > 0 then
    return {'young', uptime, young_for, whole(now), whole(fence), place_in_line()}
  end
  -- A step forward has ended leases too early; one that was released is over all the same. A fence
  -- that has gone back is that of another server, or of one that has lost data.
  local is_new = fence < seen_fence or (latest and now > latest and ends > 0)
  if fence < seen_fence then since_loss = 0 end
  if latest and now > latest then since_step = 0 end
  local barred_for = since_loss and longest - since_loss or 0
  if since_step and ends > 0 then barred_for = math.max(barred_for, longest - since_step) end
  if barred_for > 0 then
    return {'suspect', is_new and '1' or '', barred_for, whole(now), whole(fence), place_in_line()}
  end
  if not value and not is_vote then
    local has_swept = sweep(queue, now)
    takes_turn = ahead_of(queue, id) > 0
    local has_place = takes_turn and waits and stand(queue, id, ttl, now)
    -- It may have had a place before those that it is behind without one.
    local ahead = takes_turn and ahead_of(queue, id) or 0
    if ahead > 0 then
      local at = late_at(queue, fence, now)
      if not at then
        -- While the server was too young for anybody, nobody was late.
        local ready_at = now - now % 1000 - (uptime - needed) * 1000
        local free_at = math.max(ends, ready_at, promoted and promoted + longest + 1000 or 0)
        at = note_free(queue, fence, free_at, now)
      elseif has_swept then
        at = note_change(queue, fence, at, now)
      end
      local rest = at + ahead * step - now
      if rest > 0 then
        return {'busy', '', has_place and math.min(rest, ttl) or rest, 0, '0', whole(now), whole(fence),
          whole(era), has_place and ahead + 1 or 0}
      end
    end
  end
end

if is_vote then
  redis.call('SET', lock, id, 'PX', ttl)
  return {'voted', whole(fence), whole(now)}
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
forget_command(record, 'asked', 'asked_by', 'asked_as')
-- In pcall, because an error must not be half a grant.
if takes_turn then
  pcall(serve, queue, id, now)
elseif waits then
  pcall(remove, queue, id)
end
redis.pcall('PUBLISH', channel, 'acquired ' .. id .. ' ' .. token)
return {'granted', token}
