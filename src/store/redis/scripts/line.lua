-- acquire.lua has this text in front of it too, behind queue.lua: how a candidate stands in line and takes its
-- turn. The others are sent as text, often thousands of times, and do without.

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

-- When it asks again, if the leases of the key have these rests in ms: once the first one has ended, so that
-- the first in line may have it, or the second one, and so on.
local function rest_in_line(rests, ahead)
  table.sort(rests)
  local rest = math.huge
  for i = 1, math.min(#rests, ahead + 1) do
    rest = math.min(rest, rests[i] + pause_behind(ahead + 1 - i))
  end
  return rest
end

-- `id` tells the holder, and all who wait. They may hear only their own parts of the channel.
local function tell_all(queue, id, holder, text)
  redis.pcall('PUBLISH', queue.channel .. ':' .. holder, text)
  redis.pcall('PUBLISH', queue.channel, text)
  redis.pcall('PUBLISH', queue.channel .. ':waiting', 'ask ' .. id)
end

-- `id`, which has so many before it in line, takes that slot. It passes over some of them, the first in line:
-- they hear of it, and have a moment to get their places back. Whoever asks no more costs the others no second
-- turn.
local function serve(queue, id, slot, ahead, passed, now)
  local before = passed > 0 and first_ids(queue, in_line[2], math.min(passed, 1000)) or {}
  for _, other in ipairs(before) do
    local place, lapse = score(queue, 'p' .. other), score(queue, 'l' .. other) or 0
    ask(queue, 'ZADD', whole(place + passed_over), 'p' .. other,
      whole(math.min(lapse, lapses + now + grace)), 'l' .. other)
  end
  remove(queue, id)
  -- The first in line was woken for the oldest note, the second one for the next, and so on, but they take the
  -- slots by their numbers, and whoever knows fewer takes what it finds.
  local notes = ask(queue, 'ZRANGEBYSCORE', whole(late), '+inf', 'WITHSCORES') or {}
  local own = notes[passed > 0 and 1 or math.min(2 * ahead + 1, #notes - 1)]
  local note, at = nil, whole(late + now + turn)
  for i = 1, #notes, 2 do
    if slot_in(notes[i]) == slot then note, at = notes[i], notes[i + 1] end
  end
  if own and own ~= note then ask(queue, 'ZADD', at, own) end
  if note then ask(queue, 'ZREM', note) end
  for _, other in ipairs(before) do tell(queue, other, 0) end
end

-- No slot is free any more. Tells those who are next when to ask, by the rests of the leases: they may have
-- asked when others were before them, and other leases ended first.
local function tell_rests(queue, rests)
  for i, id in ipairs(first_ids(queue, in_line[2], most_woken)) do
    local rest = rest_in_line(rests, i - 1)
    -- Nobody believes that a turn is further away.
    if rest <= 60000 then tell(queue, id, rest) end
  end
end
