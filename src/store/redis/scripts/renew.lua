-- Renews a lease for a whole ttl, and sets it again if the server has forgotten it.
--
-- KEYS: lock and record of its slot.  ARGV: holder id, ttl in ms, token; and, if the record must be written again,
-- node, host, pid, label, identity, '1' if the holder is subscribed to the events channel, else ''.
-- Answers: {'renewed'}; {'renewed', node, '1' if a run there supersedes this one, else ''}: somebody on
-- that node asks for the key (ask.lua, acquire.lua);
-- {'lost', holder id} (empty: nobody holds it); or {'incomplete'}: nothing was done, since the record
-- must be written again and the arguments for that are missing.
local lock, record = KEYS[1], KEYS[2]
local id, ttl, token = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local node, host, pid, label, identity = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local listens = ARGV[9]

-- PEXPIRE with 0 deletes the lock and reports success.
if not ttl or ttl < 1 then return redis.error_reply('ERR the ttl of a lease is at least 1 ms') end

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.call('GET', lock)
local fields = redis.call('HMGET', record, 'fence', 'until', 'holder', 'asked', 'asked_by',
  'asked_as')
local fence = tonumber(fields[1] or 0) or 0
local holder = fields[3]

if value and value ~= id then return {'lost', value} end

if not value then
  -- A higher fence is a later lease, and one of ours without `until` was released: a delayed renewal
  -- must not bring back either.
  if fence > token then return {'lost', ''} end
  if fence == token and (not fields[2] or holder ~= id) then return {'lost', ''} end
end

local is_recorded = holder == id and fence > 0 and (value or fence == token)
if not is_recorded and not node then return {'incomplete'} end
if value then
  -- PEXPIRE works where SET is refused because the server is out of memory.
  redis.call('PEXPIRE', lock, ttl)
else
  redis.call('SET', lock, id, 'PX', ttl)
  -- Candidates that got `young` wait only for this.
  local key = string.match(record, '^cluster%-leader:record:(.*)$') or
    string.match(record, '^cluster%-leader:slot%-record:(.*):%d+$')
  redis.pcall('PUBLISH', 'cluster-leader:events:' .. key,
    event('acquired', slot_of(record)) .. ' ' .. id .. ' ' .. whole(token))
end

-- The lock is set. Later candidates read the record, which is no reason to fail.
if is_recorded then
  redis.pcall('HSET', record, 'until', whole(now + ttl), 'ttl', whole(ttl))
else
  redis.pcall('HSET', record, 'fence', whole(math.max(fence, token)), 'until', whole(now + ttl),
    'ttl', whole(ttl), 'node', node, 'host', host, 'pid', pid, 'label', label,
    'since', whole(token), 'holder', id, 'identity', identity, 'listens', listens)
  forget_command(record)
end
redis.pcall('PEXPIRE', record, record_lifetime)
if fields[4] == id then return {'renewed', fields[5] or '', fields[6] or ''} end
return {'renewed'}
