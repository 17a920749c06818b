-- The conditions are those of kstatus: Stalled and Reconciling are absent unless they are True.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this run yet." }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

if conditions.Stalled then
  return { status = "Degraded", message = conditions.Stalled.message }
end
local succeeded = conditions.Succeeded
if not succeeded then
  return { status = "Progressing", message = "There is no condition Succeeded yet." }
end
if succeeded.reason == "AwaitingApproval" then
  return { status = "Suspended", message = succeeded.message }
end
if conditions.Reconciling then
  return { status = "Progressing", message = succeeded.message }
end
-- Also a run that was rejected, has expired or was cancelled: somebody wanted that.
return { status = "Healthy", message = succeeded.message }
