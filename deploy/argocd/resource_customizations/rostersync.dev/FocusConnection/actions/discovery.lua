local spec = obj.spec or {}
return {
  run = { displayName = "Import now", iconClass = "fa fa-play", disabled = spec.suspend == true },
  check = { displayName = "Test Connection", iconClass = "fa fa-plug" },
}
