-- Scripts that know the queue have this text in front of them too: who waits for a key, by the rules of
-- lease/queue.h. It only decides who tries when. So nothing here may fail a script, and whatever cannot be
-- read or written leaves a key without order.
--
-- The queue is a sorted set, so that no step takes longer the more wait. Of each candidate in line it has
--   p ID: its place. The score is when it arrived, in ms since 1970, or more if two arrive at once; and
--         `passed_over` more if somebody behind it took the key, until it asks again;
--   l ID: `lapses` and when its place lapses;
-- and, while the key is free and somebody has noticed,
--   f FENCE: `late` and when the first in line is late after the lease with that fence.
-- The name of the record in its place means that there is no queue: see `is_without_queue` in
-- script_command.h.

local lapses, passed_over, late = 1e13, 2e13, 3e13
local in_line = {'-inf', '(' .. whole(lapses)}

-- In ms, see kTurn, kStep and kGrace. Those that nobody hears are told, but do not count as woken: they are
-- dead, or connected to another node of a cluster.
local turn, step, grace, most_woken, most_told = 750, 250, 2000, 10, 100

local function queue_of(name, channel)
  return {name = name, channel = channel, is_known = name ~= KEYS[2]}
end

-- The reply to a command about the queue; nothing if it is refused.
local function ask(queue, command, ...)
  if not queue.is_known then return nil end
  local reply = redis.pcall(command, queue.name, ...)
  return not is_refusal(reply) and reply or nil
end

local function score(queue, member) return tonumber(ask(queue, 'ZSCORE', member) or '') end

local function length(queue) return ask(queue, 'ZCOUNT', unpack(in_line)) or 0 end

-- The ids of those in line whose places are below `limit`, in order, `most` at most.
local function first_ids(queue, limit, most)
  local ids = {}
  for i, member in ipairs(ask(queue, 'ZRANGEBYSCORE', '-inf', limit, 'LIMIT', '0', whole(most)) or {}) do
    ids[i] = string.sub(member, 2)
  end
  return ids
end

local function remove(queue, id) return ask(queue, 'ZREM', 'p' .. id, 'l' .. id) end

-- Removes places that have lapsed, and returns whether there were any.
local function sweep(queue, now)
  local lapsed = ask(queue, 'ZRANGEBYSCORE', whole(lapses), whole(lapses + now), 'LIMIT', '0', '1000') or {}
  if #lapsed == 0 then return false end
  for i = 1, #lapsed do lapsed[#lapsed + 1] = 'p' .. string.sub(lapsed[i], 2) end
  ask(queue, 'ZREM', unpack(lapsed))
  return true
end

-- `id` asks: it keeps its place, or takes the last one. False if it has none.
local function stand(queue, id, ttl, now)
  local number = score(queue, 'p' .. id)
  if not number then
    local last = ask(queue, 'ZREVRANGEBYSCORE', in_line[2], in_line[1], 'WITHSCORES', 'LIMIT', '0', '1')
    number = math.max(now, (tonumber(last and last[2] or '') or 0) + 1)
  elseif number >= passed_over then
    number = number - passed_over
  end
  local lasts = 2 * ttl + 1000
  local added = ask(queue, 'ZADD', whole(number), 'p' .. id, whole(lapses + now + lasts), 'l' .. id)
  if not added then return false end
  if (ask(queue, 'PTTL') or lasts) < lasts then ask(queue, 'PEXPIRE', whole(lasts)) end
  return true
end

-- How many are in line before `id`: all, if it has no place.
local function ahead_of(queue, id)
  local count = length(queue)
  if count == 0 then return 0 end
  return math.min(ask(queue, 'ZRANK', 'p' .. id) or count, count)
end

-- How much later than the end of a lease somebody with `ahead` before it asks again: a step before its turn,
-- so that the second makes sure that the first one is awake.
local function pause_behind(ahead) return ahead > 0 and turn + (ahead - 1) * step or 0 end

local function set_late(queue, fence, at)
  ask(queue, 'ZREMRANGEBYSCORE', whole(late), '+inf')
  ask(queue, 'ZADD', whole(late + at), 'f' .. whole(fence))
end

-- When the first in line is late after the lease with that fence; nothing if nobody has noticed that it is
-- over. A clock that was set back must not keep everybody waiting.
local function late_at(queue, fence, now)
  local at = score(queue, 'f' .. whole(fence))
  if not at then return nil end
  at = at - late
  if at > now + turn then
    at = now + turn
    set_late(queue, fence, at)
  end
  return at
end

-- False if nobody hears it. A candidate that hears all events of the key, or has no right to a channel of its
-- own, is on the channel of all.
local function tell(queue, id, delay)
  local text = 'next ' .. id .. ' ' .. whole(delay)
  local heard = redis.pcall('PUBLISH', queue.channel .. ':' .. id, text)
  if type(heard) == 'number' and heard > 0 then return true end
  redis.pcall('PUBLISH', queue.channel, text)
  return false
end

-- `id` tells the holder, and all who wait. They may hear only their own parts of the channel.
local function tell_all(queue, id, holder, text)
  redis.pcall('PUBLISH', queue.channel .. ':' .. holder, text)
  redis.pcall('PUBLISH', queue.channel, text)
  redis.pcall('PUBLISH', queue.channel .. ':waiting', 'ask ' .. id)
end

-- Tells those who are to be woken, if the first one is late at `at`, how long to wait before they ask.
local function wake(queue, at, now)
  local woken = 0
  for i, id in ipairs(first_ids(queue, in_line[2], most_told)) do
    local delay = i == 1 and 0 or math.max(at + (i - 1) * step - now, 0)
    if tell(queue, id, delay) then woken = woken + 1 end
    if woken == most_woken then return end
  end
end

-- The key is free since `free_at`, and it is noticed now: wakes those who are next. Returns when the first in
-- line is late.
local function note_free(queue, fence, free_at, now)
  local at = math.max(math.min(free_at, now) + turn, now)
  set_late(queue, fence, at)
  wake(queue, at, now)
  return at
end

-- Somebody has left the line while the key is free. Whoever is first now is not late yet.
local function note_change(queue, fence, at, now)
  at = math.max(at, now)
  set_late(queue, fence, at)
  wake(queue, at, now)
  return at
end

-- `id` has ended the lease with that fence now. Where nobody is in line, the server may have lost the
-- queue, so all others who wait ask again.
local function free(queue, id, fence, now)
  sweep(queue, now)
  if length(queue) > 0 then
    note_free(queue, fence, now, now)
  else
    redis.pcall('PUBLISH', queue.channel .. ':waiting', 'ask ' .. id)
  end
end

-- `id` no longer waits. `is_free`: for the key, after the lease with that fence.
local function leave(queue, id, is_free, fence, now)
  if (remove(queue, id) or 0) == 0 or not is_free or length(queue) == 0 then return end
  note_change(queue, fence, late_at(queue, fence, now) or now, now)
end

-- `id` takes the key. Those before it are passed over: they hear of it, and have a moment to get their places
-- back. Whoever asks no more costs the others no second turn.
local function serve(queue, id, now)
  local number = score(queue, 'p' .. id)
  local before = first_ids(queue, number and '(' .. whole(number) or in_line[2], 1000)
  for _, other in ipairs(before) do
    local place, lapse = score(queue, 'p' .. other), score(queue, 'l' .. other) or 0
    ask(queue, 'ZADD', whole(place + passed_over), 'p' .. other,
      whole(math.min(lapse, lapses + now + grace)), 'l' .. other)
  end
  remove(queue, id)
  ask(queue, 'ZREMRANGEBYSCORE', whole(late), '+inf')
  for _, other in ipairs(before) do tell(queue, other, 0) end
end
