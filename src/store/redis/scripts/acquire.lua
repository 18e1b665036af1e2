-- Gives the lease to a candidate, or says who has it and for how long. As the vote of one server of a
-- quorum it gives only the lock, and leaves the record alone: adopt.lua follows if a majority votes alike.
--
-- KEYS: lock, record, queue, mark of the server's last promotion (none: the server is a node of a
-- cluster, and the mark is in another slot); if the key may be held by several at once, then the lock and the
-- record of each slot but the first.
-- ARGV: holder id, events channel ('': a vote is asked for), ttl in ms, node, host, pid, label,
-- identity, token of the run whose result is awaited ('0': of whatever run has the key; '': the
-- candidate does not join), how the candidate waits ('': it tries once; '1': it is subscribed to the
-- channel; '2': to its own part of it, or to both); what it has
-- seen of the server, each '' if nothing: highest fence of each slot, separated by commas, server time in ms
-- that it expects, at least and at most, ms since it noticed that the clock was set forward, ms since it noticed that
-- the fence had gone back; '1' if a promotion is to be noticed even if the key is not free, else '';
-- for a node of a cluster, the replication id with which notice.lua was asked, and what it has answered,
-- each '' if it was not; the era in which the candidate came ('?': it has not been told; '': it yields to
-- nobody), '1' if it supersedes others, else '', and ids whose leases it does not ask for; and, if INFO
-- is refused here: seconds that the server has been up, at least ('': ask INFO), its replication id ('':
-- not known), '1' if it may have been a replica, else ''.
-- Answers: {'granted', token, slot}
--          {'voted', fence, server time in ms}
--          {'busy', holder id, rest in ms (-1: no expiry), ttl of that holder in ms (0: unknown), token
--           of that lease (0: unknown), server time in ms, fence, era, its place in the queue (0: none)}: of
--           all slots, the one with the shortest rest; but the fences of all, separated by commas. For a
--           candidate with a place, the rest is how long it waits until it asks again.
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
local mark = #KEYS % 2 == 0 and KEYS[4] or nil
local id, channel, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local node, host, pid, label, identity = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local awaited, listens = tonumber(ARGV[9]), ARGV[10]
local earliest, latest = tonumber(ARGV[12]), tonumber(ARGV[13])
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

local seen_fences = {}
for text in string.gmatch(ARGV[11], '%d+') do seen_fences[#seen_fences + 1] = tonumber(text) end

-- What is stored about each slot. What concerns the key as a whole is in the record of the first one.
local slots, fences, fields = {}, {}
local is_newly_lost = false
local function read_slot(lock, record)
  local number = #slots
  local value = redis.call('GET', lock)
  local found = redis.call('HMGET', record, 'fence', 'until', 'ttl', 'holder', 'hold_until',
    'once_until', 'result_token', 'result_status', 'result_node', 'result_started', 'result_finished',
    'era', 'era_by', 'era_of')
  local fence = tonumber(found[1] or 0) or 0
  fields = fields or found
  is_newly_lost = is_newly_lost or fence < (seen_fences[number + 1] or 0)
  fences[number + 1] = whole(fence)
  slots[number + 1] = {slot = number, lock = lock, record = record, value = value, fence = fence,
    ends = tonumber(found[2] or 0) or 0, ttl = tonumber(found[3] or 0) or 0, holder = found[4],
    held_until = tonumber(found[5] or 0) or 0}
end
read_slot(KEYS[1], KEYS[2])
for i = mark and 5 or 4, #KEYS, 2 do read_slot(KEYS[i], KEYS[i + 1]) end
fences = table.concat(fences, ',')
local first = slots[1]
local result_token = tonumber(fields[7] or 0) or 0
local era = tonumber(fields[12] or 0) or 0

-- The slot of the candidate's own lease, if the reply to an earlier attempt was lost, or its lock was.
local own
for _, slot in ipairs(slots) do
  local is_vanished = not slot.value and slot.holder == id and slot.ends > now
  if slot.value == id or is_vanished then own = slot end
end

-- The slots that are free for anybody.
local function free_slots()
  local free_ones = {}
  for _, slot in ipairs(slots) do
    if not slot.value and slot.ends <= now then
      free_ones[#free_ones + 1] = {slot = slot.slot, fence = slot.fence}
    end
  end
  return free_ones
end

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

-- The answer if no slot is free: `others` are all of them, with their `rest`.
local function busy(others)
  local place, rests, soonest = place_in_line(), {}, others[1]
  for i, slot in ipairs(others) do
    -- Without an expiry it is another program's value.
    rests[i] = slot.rest < 0 and math.huge or slot.rest
    if rests[i] < (soonest.rest < 0 and math.huge or soonest.rest) then soonest = slot end
  end
  local rest = soonest.rest
  if place > 0 and not soonest.is_ours then rest = math.min(rest_in_line(rests, place - 1), ttl) end
  -- An answer without a holder means that others are waiting for the key.
  local holder = soonest.value == '' and '""' or soonest.value or soonest.holder or ''
  return {'busy', holder, rest, soonest.is_known and soonest.ttl or 0,
    whole(soonest.is_known and soonest.fence or 0), whole(now), fences, whole(era), place}
end

-- Begins an era, in which whoever came before is sent away, and asks the holder for the key. An id begins
-- one once, and one more if the server has lost that.
local function supersede()
  era = math.max(era + 1, now)
  redis.call('HSET', first.record, 'era', whole(era), 'era_by', node, 'era_of', id)
  local owner = first.value or (first.ends > now and first.holder) or ''
  if owner ~= '' and not string.find(outer, owner, 1, true) then
    redis.call('HSET', first.record, 'asked', owner, 'asked_by', node, 'asked_as', '1')
  end
  redis.pcall('PEXPIRE', first.record, record_lifetime)
  -- Their places are over too, and they ask.
  ask(queue, 'DEL')
  tell_all(queue, id, owner, 'broken')
end

if not (own and own.value) and not is_vote then
  local forbidden = (tonumber(fields[6] or 0) or 0) > now
  -- A candidate that joins takes the result of the run that it saw, or of a later one. If it saw none
  -- and the key is still held after a run, it takes the result of that run.
  local joined = awaited and result_token > 0 and
    ((awaited > 0 and result_token >= awaited) or
     (awaited == 0 and first.value and first.value ~= first.holder and result_token == first.fence))
  if forbidden or joined then
    leave(queue, id, free_slots(), now)
    return {'done', fields[8] or '0', whole(result_token), fields[9] or '', fields[10] or '0',
      fields[11] or '0'}
  end
  local came = tonumber(seen_era)
  if fields[14] ~= id then
    if came and era > came then
      leave(queue, id, free_slots(), now)
      return {'superseded', fields[13] or ''}
    end
    if supersedes and (not came or era < came) then supersede() end
  end
end

if own and own.value and own.holder == id and not is_vote then
  -- The reply to an earlier attempt was lost: it is the same lease, with the same token.
  redis.call('PEXPIRE', own.lock, ttl)
  redis.call('HSET', own.record, 'until', whole(now + ttl), 'ttl', whole(ttl))
  redis.call('PEXPIRE', own.record, record_lifetime)
  return {'granted', whole(own.fence), whole(own.slot)}
end

-- What is left of a lease that would last for longer than any: the clock was set back, and it would
-- last until that has caught up. Exactly if the candidate knows what the clock showed before.
local function without_step(rest, longest)
  if earliest and earliest > now then rest = rest - (earliest - now) end
  return math.max(1, math.min(rest, longest))
end

-- For how long somebody else has that slot, in ms (-1: without end), and whether the record describes that
-- lease; nothing if nobody has.
local function rest_of(slot)
  if slot.value and slot.value ~= id then
    local is_parked = string.sub(slot.value, 1, 7) == 'parked:'
    slot.is_ours = is_parked and identity ~= '' and slot.value == 'parked:' .. identity
    if slot.is_ours then
      if slot.held_until <= now then return nil end
      -- The `ttl` in the record is at least the hold; after a step of the clock the rest may be longer.
      local rest = slot.held_until - now
      return slot.ttl > 0 and math.min(rest, slot.ttl) or rest, true
    end
    local known = slot.holder and
      (slot.value == slot.holder or slot.value == 'held:' .. slot.holder or is_parked)
    local rest = redis.call('PTTL', slot.lock)
    -- No lock of ours is set for longer than this.
    local longest = is_parked and 2 * slot.ttl or slot.ttl
    if known and longest > 0 and rest > longest then
      rest = without_step(rest, longest)
      redis.call('PEXPIRE', slot.lock, rest)
      if slot.ends > now + rest then redis.pcall('HSET', slot.record, 'until', whole(now + rest)) end
    end
    return rest, known
  end
  if slot.value or slot.ends <= now or slot.holder == id then return nil end
  -- The lock vanished (evicted, deleted, a lost write) while its holder may still be running its
  -- job: everybody else waits until that lease would have ended.
  local rest = slot.ends - now
  if slot.ttl > 0 and rest > slot.ttl then
    rest = without_step(rest, slot.ttl)
    redis.pcall('HSET', slot.record, 'until', whole(now + rest))
  end
  return rest, true
end

local open, others = {own}, {}
if not own then
  for _, slot in ipairs(slots) do
    slot.rest, slot.is_known = rest_of(slot)
    table.insert(slot.rest and others or open, slot)
  end
  if #open == 0 then return busy(others) end
end

-- A server that has just started may have forgotten a lease whose holder is still running its job;
-- a ttl later that holder has renewed here or stopped. A key that is parked for this candidate is no
-- exception, since the server may have loaded a snapshot that is older than that lease. The record
-- may have a longer ttl than ours. With `appendfsync always` nothing is forgotten, but to find out
-- needs CONFIG, which is not among the rights that we ask for, so the rule applies to every server.
-- So has one that was promoted, if a lease had not reached it. It was noticed first when somebody
-- came here, so after the last holder that renewed at the former primary. If it has also restarted,
-- both times pass together.
-- Returns the answer if that is why nothing may be granted in that slot, and for how long; or since when
-- it may.
local function doubt_about(slot, uptime, promoted)
  local longest = math.max(ttl, slot.ends > 0 and slot.ttl or 0)
  -- Uptime is in whole seconds of the wall clock, hence one more.
  local needed = math.ceil(longest / 1000) + 1
  local young_for = uptime < needed and (needed - uptime) * 1000 - now % 1000 or 0
  local promoted_for = promoted and promoted + longest + 1000 - now or 0
  if promoted_for > young_for then
    return {'promoted', math.floor((now - promoted) / 1000), promoted_for}, promoted_for
  end
  if young_for > 0 then return {'young', uptime, young_for}, young_for end
  -- A step forward has ended leases too early; one that was released is over all the same. A fence
  -- that has gone back is that of another server, or of one that has lost data.
  local is_new = is_newly_lost or (latest and now > latest and slot.ends > 0)
  if is_newly_lost then since_loss = 0 end
  if latest and now > latest then since_step = 0 end
  local barred_for = since_loss and longest - since_loss or 0
  if since_step and slot.ends > 0 then barred_for = math.max(barred_for, longest - since_step) end
  if barred_for > 0 then return {'suspect', is_new and '1' or '', barred_for}, barred_for end
  -- While the server was too young for anybody, nobody was late.
  local ready_at = now - now % 1000 - (uptime - needed) * 1000
  return nil, math.max(slot.ends, ready_at, promoted and promoted + longest + 1000 or 0)
end

if not own then
  local uptime = known_age
  if not uptime then
    local info = redis.pcall('INFO', 'server')
    uptime = not is_refusal(info) and tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
    if not uptime or not replication() then return {'ageless'} end
  end
  local promoted, is_unmarked = noticed_promotion()
  if is_unmarked then return unmarked() end
  local doubt, shortest
  local sure = {}
  for _, slot in ipairs(open) do
    local answer, time = doubt_about(slot, uptime, promoted)
    if not answer then
      slot.since = time
      sure[#sure + 1] = slot
    elseif not doubt or time < shortest then
      doubt, shortest = answer, time
    end
  end
  if #sure == 0 then
    doubt[4], doubt[5], doubt[6] = whole(now), fences, place_in_line()
    return doubt
  end
  open = sure
end

-- The first one, but rather one that is parked for the candidate.
local taken = open[1]
for _, slot in ipairs(open) do
  if slot.value then taken = slot end
end

-- How many are in line before the candidate, and how many of them it passes over. As many as there are free
-- slots may take one.
local ahead, passed = 0, 0
if not own and not taken.value and not is_vote then
  local has_swept = sweep(queue, now)
  ahead = ahead_of(queue, id)
  local has_place = ahead >= #open and waits and stand(queue, id, ttl, now)
  -- It may have had a place before those that it is behind without one.
  if has_place then ahead = ahead_of(queue, id) end
  passed = math.max(ahead - #open + 1, 0)
  -- Those who are next have one of the other slots.
  if passed > 0 or (#open > 1 and length(queue) > 0) then
    local at, oldest = note_free(queue, open, has_swept, now)
    local rest = at + passed * step - now
    if passed > 0 and rest > 0 then
      return {'busy', '', has_place and math.min(rest, ttl) or rest, 0, '0', whole(now), fences,
        whole(era), has_place and ahead + 1 or 0}
    end
    -- Those before it may not know this one.
    if passed > 0 then taken = oldest end
  end
end

local lock, record = taken.lock, taken.record
if is_vote then
  redis.call('SET', lock, id, 'PX', ttl)
  return {'voted', fences, whole(now)}
end

local token = whole(math.max(taken.fence + 1, now))
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
if waits or passed > 0 or #slots > 1 then
  pcall(serve, queue, id, taken.slot, ahead, passed, now)
end
if #slots > 1 and #open == 1 then
  local rests = {ttl}
  for _, slot in ipairs(others) do rests[#rests + 1] = slot.rest < 0 and math.huge or slot.rest end
  pcall(tell_rests, queue, rests)
end
redis.pcall('PUBLISH', channel, event('acquired', taken.slot) .. ' ' .. id .. ' ' .. token)
return {'granted', token, whole(taken.slot)}
