local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this decision yet." }
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    return { status = status.state == "Pending" and "Suspended" or "Healthy", message = condition.message }
  end
end
return { status = "Progressing", message = "There is no condition Ready yet." }
