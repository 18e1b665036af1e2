-- Finds out which slots of a key, other than the first one, are in use, or have been. Changes nothing.
--
-- KEYS: lock and record of each of them.
-- Answers: {'slots', number of one, number of another, ...}
local answer = {'slots'}
for i = 1, #KEYS, 2 do
  -- -2 means that there is none.
  if redis.call('PTTL', KEYS[i]) ~= -2 or redis.call('PTTL', KEYS[i + 1]) ~= -2 then
    answer[#answer + 1] = (i + 1) / 2
  end
end
return answer
