local over = obj.status ~= nil and obj.status.outcome ~= nil
local asked = obj.spec.cancel == true
return { cancel = { displayName = "Cancel", iconClass = "fa fa-stop", disabled = over or asked } }
