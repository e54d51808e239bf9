"""Budgets in Valkey: one hash per client, one script, the server's clock (replicas' clocks may differ)."""

from __future__ import annotations

from collections.abc import Sequence

from llmgateway.storage.budgets import charge_of
from llmgateway.storage.records import Budget, Charge
from llmgateway.storage.valkey.connection import Part, ValkeyConnection
from llmgateway.storage.valkey.keys import tagged

_CHARGE = """
-- KEYS: client. ARGV: name, window in seconds, limit and amount of each budget. Returns time, used before of each
local time = redis.call('TIME')
local seconds = tonumber(time[1])
local answer, writes, fits, longest = {time[1] .. '.' .. string.format('%06d', time[2])}, {}, true, 0
for index = 1, #ARGV, 4 do
  local window = math.floor(seconds / tonumber(ARGV[index + 1]))
  local used = 0
  local before = redis.call('HGET', KEYS[1], ARGV[index])
  if before then
    local number, amount = string.match(before, '^(%d+) (-?%d+)$')
    if tonumber(number) == window then used = tonumber(amount) end
  end
  answer[#answer + 1] = used
  local after = used + tonumber(ARGV[index + 3])
  if after > tonumber(ARGV[index + 2]) then fits = false end
  writes[#writes + 1] = ARGV[index]
  writes[#writes + 1] = string.format('%d %d', window, after)
  longest = math.max(longest, tonumber(ARGV[index + 1]))
end
if fits and #writes > 0 then
  redis.call('HSET', KEYS[1], unpack(writes))
  redis.call('EXPIRE', KEYS[1], 2 * longest)
end
return answer
"""
_SETTLE = """
-- KEYS: client. ARGV: budget, window number, amount
local before = redis.call('HGET', KEYS[1], ARGV[1])
if not before then return end
local number, used = string.match(before, '^(%d+) (-?%d+)$')
if tonumber(number) ~= tonumber(ARGV[2]) then return end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d', number, used + ARGV[3]))
"""


class ValkeyLimits:
    """Implements `port.Limits`."""

    def __init__(self, connection: ValkeyConnection) -> None:
        self._charge, self._settle = map(connection.script, (_CHARGE, _SETTLE))

    async def charge(self, client: str, budgets: Sequence[Budget]) -> Charge:
        arguments: list[Part] = []
        for budget in budgets:
            arguments += [budget.name, budget.window, budget.limit, budget.amount]
        now, *used = await self._charge([tagged("limits", client)], arguments)
        return charge_of(budgets, used, float(now))

    async def settle(self, client: str, budget: str, window_number: int, amount: int) -> None:
        await self._settle([tagged("limits", client)], [budget, window_number, amount])
