-- Makes the lock that this server gave a candidate as its vote a lease, once a majority of a quorum has
-- voted for that candidate.
--
-- KEYS: lock, record.  ARGV: holder id, events channel, ttl in ms, token, node, host, pid, label,
-- identity, '1' if the holder is subscribed to the channel, else ''.
-- Answers: {'granted', token}, or {'lost', holder id} (empty: nobody has the lock): the vote has ended,
-- or a later lease has been granted here.
local lock, record = KEYS[1], KEYS[2]
local id, channel, ttl, token = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local node, host, pid, label, identity = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local listens = ARGV[10]

local now, refusal = server_ms()
if refusal then return refusal end
local value = redis.call('GET', lock)
if value ~= id then return {'lost', value or ''} end
local fields = redis.call('HMGET', record, 'fence', 'holder')
-- Our own vote is in the way of a later lease only until it ends.
if (tonumber(fields[1] or 0) or 0) >= token and fields[2] ~= id then return {'lost', ''} end

-- The record first, since only it can be refused for lack of rights.
redis.call('HSET', record, 'fence', whole(token), 'until', whole(now + ttl), 'ttl', whole(ttl),
  'node', node, 'host', host, 'pid', pid, 'label', label, 'since', whole(now), 'holder', id,
  'identity', identity, 'listens', listens)
redis.call('PEXPIRE', record, record_lifetime)
redis.call('PEXPIRE', lock, ttl)
forget_command(record)
-- After a lost answer everybody has heard of it.
if fields[2] == id then return {'granted', whole(token)} end
redis.pcall('PUBLISH', channel, 'acquired ' .. id .. ' ' .. whole(token))
return {'granted', whole(token)}
