-- Every script begins with this text, which is put in front of it at build time.

-- How long a record outlives its lease, in ms. It keeps the last token.
local record_lifetime = 90 * 86400 * 1000

-- A number without a fraction; tostring() would write large ones as 1.7e+12.
local function whole(number) return string.format('%.0f', number) end

-- Whether redis.pcall() has returned an error.
local function is_refusal(reply) return type(reply) == 'table' and reply.err end

-- The server's clock in ms since 1970, which does not advance while a script runs; or nothing and the
-- error to return, since some services refuse TIME inside scripts.
local function server_ms()
  local time = redis.pcall('TIME')
  if is_refusal(time) then return nil, redis.error_reply('NOTIME ' .. time.err) end
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Removes the command line that earlier versions stored in a record: it may contain a password, and
-- belongs to an earlier lease. The next version need not do this any more. More fields go along with it.
local function forget_command(record, ...) redis.pcall('HDEL', record, 'command', ...) end

-- Which of the key's slots a record is for: each is a lease of its own. The first one is 0.
local function slot_of(record)
  return tonumber(string.match(record, '^cluster%-leader:slot%-record:.*:(%d+)$') or 0)
end

-- The first word of an event: slot 0 has those that were there before there were others.
local function event(what, slot) return slot > 0 and what .. ':' .. slot or what end
