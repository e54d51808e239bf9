-- Health of LLMGateway and LLMCredential for Argo CD. Both follow kstatus: Stalled asks for a human, Ready says that it
-- works, everything else is on its way there.
local health = {status = "Progressing", message = "Waiting for the operator"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end

local function holds(name)
  return found[name] ~= nil and found[name].status == "True"
end

local ready = found["Ready"]
if ready ~= nil then
  health.message = ready.message
end
if holds("Stalled") then
  health.status = "Degraded"
  health.message = found["Stalled"].message
elseif ready ~= nil and (ready.reason == "Suspended" or ready.reason == "ScaledToZero") then
  health.status = "Suspended"
elseif holds("Ready") and holds("Reconciling") then
  health.message = found["Reconciling"].message
elseif holds("Ready") then
  health.status = "Healthy"
end
return health
