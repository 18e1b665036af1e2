-- Scripts that know the queue have this text in front of them too: who waits for a key, whichever of its slots
-- that will be, by the rules of lease/queue.h. It only decides who tries when. So nothing here may fail a
-- script, and whatever cannot be read or written leaves a key without order.
--
-- The queue is a sorted set, so that no step takes longer the more wait. Of each candidate in line it has
--   p ID: its place. The score is when it arrived, in ms since 1970, or more if two arrive at once; and
--         `passed_over` more if somebody behind it took the key, until it asks again;
--   l ID: `lapses` and when its place lapses;
-- and, while a slot of the key is free and somebody has noticed,
--   f FENCE: `late` and when the first in line is late after the lease with that fence. For a slot other
--         than 0, a colon and its number follow.
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

-- Others are next than before, and they are not late yet.
local function note_change(queue, now)
  local earlier = ask(queue, 'ZRANGEBYSCORE', whole(late), '(' .. whole(late + now)) or {}
  for _, note in ipairs(earlier) do ask(queue, 'ZADD', whole(late + now), note) end
end

-- Removes places that have lapsed, and returns whether there were any.
local function sweep(queue, now)
  local lapsed = ask(queue, 'ZRANGEBYSCORE', whole(lapses), whole(lapses + now), 'LIMIT', '0', '1000') or {}
  if #lapsed == 0 then return false end
  for i = 1, #lapsed do lapsed[#lapsed + 1] = 'p' .. string.sub(lapsed[i], 2) end
  ask(queue, 'ZREM', unpack(lapsed))
  note_change(queue, now)
  return true
end

-- A slot that is free is a table: `slot`, its number; `fence`, of the last lease there; and `since` when it is
-- free, which may be missing. Its name in the queue:
local function note_of(opening)
  return 'f' .. whole(opening.fence) .. (opening.slot > 0 and ':' .. opening.slot or '')
end

local function slot_in(note) return tonumber(string.match(note, ':(%d+)$') or 0) end

local function set_late(queue, opening, at)
  for _, note in ipairs(ask(queue, 'ZRANGEBYSCORE', whole(late), '+inf') or {}) do
    if slot_in(note) == opening.slot then ask(queue, 'ZREM', note) end
  end
  ask(queue, 'ZADD', whole(late + at), note_of(opening))
end

-- When the first in line is late for that slot; nothing if nobody has noticed that it is free. A clock that
-- was set back must not keep everybody waiting.
local function late_at(queue, opening, now)
  local at = score(queue, note_of(opening))
  if not at then return nil end
  at = at - late
  if at > now + turn then
    at = now + turn
    set_late(queue, opening, at)
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

-- Tells those who are to be woken, if so many slots are free and the first in line is late at `at`, how long to
-- wait before they ask.
local function wake(queue, free_slots, at, now)
  local woken, called = 0, free_slots - 1
  for i, id in ipairs(first_ids(queue, in_line[2], called + most_told)) do
    local delay = i <= free_slots and 0 or math.max(at + (i - free_slots) * step - now, 0)
    if tell(queue, id, delay) then woken = woken + 1 end
    if woken == called + most_woken then return end
  end
end

-- The same for the slots that somebody has noticed.
local function wake_next(queue, now)
  local notes = ask(queue, 'ZRANGEBYSCORE', whole(late), '+inf', 'WITHSCORES') or {}
  if #notes > 0 then wake(queue, #notes / 2, notes[2] - late, now) end
end

-- These slots are free: wakes those who are next, unless that was done and they are the same as then. Returns
-- when the first in line is late, and for which slot.
local function note_free(queue, openings, has_moved, now)
  local first, oldest, is_new = math.huge, nil, has_moved
  for _, opening in ipairs(openings) do
    local at = late_at(queue, opening, now)
    if not at then
      is_new = true
      at = math.max(opening.since and math.min(opening.since, now) + turn or now, now)
      set_late(queue, opening, at)
    end
    if at < first then first, oldest = at, opening end
  end
  if is_new then wake_next(queue, now) end
  return first, oldest
end

-- `id` has ended the lease in that slot now. Where nobody is in line, the server may have lost the queue, so
-- all others who wait ask again.
local function free(queue, id, opening, now)
  sweep(queue, now)
  if length(queue) > 0 then
    set_late(queue, opening, now + turn)
    wake_next(queue, now)
  else
    redis.pcall('PUBLISH', queue.channel .. ':waiting', 'ask ' .. id)
  end
end

-- `id` no longer waits, while these slots are free.
local function leave(queue, id, openings, now)
  if (remove(queue, id) or 0) == 0 or #openings == 0 or length(queue) == 0 then return end
  note_change(queue, now)
  note_free(queue, openings, true, now)
end
