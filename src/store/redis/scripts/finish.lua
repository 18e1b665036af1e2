-- Ends a lease under which a job has run, if it is the holder's own: frees the key, or keeps everybody
-- from it for the rest of a hold, or parks it for one node; and stores the result.
--
-- KEYS: lock and record of its slot, queue.  ARGV: holder id, events channel, ttl in ms, token, hold in ms from the
-- acquisition (0: none), identity to park for ('': none), once in ms (0: none), status ('': no
-- result), started and finished in ms, node, '1' if the job was made to end, so that its status is only
-- for people, else ''.
-- Answers: {'released'}: nothing of this holder is left, except for what was asked for.
local lock, record = KEYS[1], KEYS[2]
local id, channel, ttl, token = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local hold, identity, once = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local status, started, finished, node, was_stopped = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'holder', 'since', 'fence')
if value ~= id and (value or fields[1] ~= id) then return {'released'} end

-- The clock may have been set since. A hold is never longer than was asked for.
local since = tonumber(fields[2] or now) or now
local rest = math.min(math.max(since + hold - now, 0), hold)
local stays = rest + (identity ~= '' and ttl or 0)
if stays > 0 then
  local owner = identity ~= '' and 'parked:' .. identity or 'held:' .. id
  -- Where SET is refused because the server is out of memory, the lock under the old id serves as
  -- well: nobody has that id any more.
  if is_refusal(redis.pcall('SET', lock, owner, 'PX', stays)) then
    redis.call('PEXPIRE', lock, stays)
  end
else
  redis.call('DEL', lock)
end

-- The lock is as it should be. The rest is for later candidates and no reason to fail.
redis.pcall('HDEL', record, 'until', 'hold_until')
if rest > 0 then
  redis.pcall('HSET', record, 'until', whole(now + rest), 'ttl', whole(math.max(ttl, rest)),
    'hold_until', whole(now + rest))
end
if status ~= '' then
  local run = was_stopped == '1' and 'stopped_' or 'result_'
  redis.pcall('HSET', record, run .. 'token', token, run .. 'status', status,
    run .. 'started', started, run .. 'finished', finished, run .. 'node', node)
  if once > 0 and status == '0' and was_stopped ~= '1' then
    redis.pcall('HSET', record, 'once_until', whole(now + once))
    record_lifetime = math.max(record_lifetime, once + ttl)
  end
end
redis.pcall('PEXPIRE', record, record_lifetime)
local queue, slot = queue_of(KEYS[3], channel), slot_of(record)
if stays == 0 then
  free(queue, id, {slot = slot, fence = tonumber(fields[3] or 0) or 0}, now)
else
  -- They ask, and hear until when that is.
  wake(queue, 1, now + stays + turn, now)
end
redis.pcall('PUBLISH', channel, event(stays > 0 and 'parked' or 'released', slot) .. ' ' .. id)
return {'released'}
