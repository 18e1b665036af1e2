-- Notices that a node of a cluster was promoted from a replica, or says when that was noticed first.
-- A mark cannot be in the slot of every key, so that acquire.lua cannot read it: the candidate runs
-- this first, and says there what it has answered.
--
-- KEYS: mark, in any slot of the node.  ARGV: the node's replication id, '1' if it may have been a replica.
-- Answers: {'noticed', when, in ms since 1970 by the node's clock; long ago if it was not promoted}
local mark, replid, may_be_promoted = KEYS[1], ARGV[1], ARGV[2] == '1'

local now, refusal = server_ms()
if refusal then return refusal end
local noticed = redis.call('HMGET', mark, 'replid', 'since')
local since = tonumber(noticed[2] or '')
if not noticed[1] and not may_be_promoted then return {'noticed', '1'} end
-- After it, the clock was set back: waiting for it to catch up could take years.
if noticed[1] ~= replid or not since or since > now then
  since = now
  redis.call('HSET', mark, 'replid', replid, 'since', whole(now))
end
return {'noticed', whole(since)}
