#!/bin/bash
# Before systemd starts in the node: lays files over the sysctls that systemd and the kubelet would change, so that the machine's
# own stay as they are. A value is what the kubelet wants to read; a name without one keeps what the machine has.
set -eu
mkdir -p /kind/sysctl
for entry in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000 \
  kernel/pid_max fs/file-max fs/nr_open fs/protected_fifos fs/protected_hardlinks fs/protected_regular fs/protected_symlinks; do
  name=${entry%%=*}
  [ -e "/proc/sys/$name" ] || continue
  file=/kind/sysctl/${name//\//.}
  value=$(cat "/proc/sys/$name")
  [ "$name" = "$entry" ] || value=${entry#*=}
  echo "$value" >"$file"
  mount --bind "$file" "/proc/sys/$name"
done
