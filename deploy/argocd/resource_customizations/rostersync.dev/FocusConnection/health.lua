-- The conditions are those of kstatus: Stalled and Reconciling are absent unless they are True.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this spec yet." }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

if conditions.Stalled then
  return { status = "Degraded", message = conditions.Stalled.message }
end
if conditions.Reconciling then
  return { status = "Progressing", message = conditions.Reconciling.message }
end
local ready = conditions.Ready
if not ready or ready.status ~= "True" then
  return { status = "Progressing", message = ready and ready.message or "There is no condition Ready yet." }
end
if ready.reason == "Suspended" then
  return { status = "Suspended", message = ready.message }
end
return { status = "Healthy", message = ready.message }
