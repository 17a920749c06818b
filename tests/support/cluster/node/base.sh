#!/usr/bin/env bash
# base.sh KIND OUT BIN: lays out the build folder of kind's base image: kind's own files from its Go module KIND, programs from BIN.
set -euo pipefail
kind=$1/images/base/files out=$2 bin=$3 here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$out"/{bin,cni}
cp -r "$kind" "$out/files"
chmod -R u+w "$out/files" # a module's files are read-only and have lost their modes
find "$out/files" -type f -exec chmod 0644 {} +
find "$out/files" -type d -exec chmod 0755 {} +
chmod 0755 "$out"/files/usr/local/bin/* "$out"/files/kind/bin/*.sh
# without CAP_SYS_RESOURCE nobody may lower an oom_score_adj
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$out/files/etc/containerd/config.toml"
install -m 0755 "$here/cover-sysctls.sh" "$out/files/kind/bin/"
sed -i "s#^log_info 'starting init'#/kind/bin/cover-sysctls.sh\n&#" "$out/files/usr/local/bin/entrypoint"
grep -q cover-sysctls "$out/files/usr/local/bin/entrypoint"
cp "$here/bridge.conflist" "$out/cni/10-bridge.conflist"
cp "$bin"/{crictl,containerd,ctr,containerd-shim-runc-v2} "$out/bin/"
cp "$here/Dockerfile" "$out/"
