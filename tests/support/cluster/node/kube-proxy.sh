#!/usr/bin/env bash
# kube-proxy.sh ROOT OUT: lays kube-proxy's tools from a Debian root file system into the folder of its image.
# Every library of the xtables modules must be there: with libm missing, kube-proxy looked healthy and had no rules.
set -euo pipefail
root=$1 out=$2 lib=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
tools=(usr/sbin/{xtables-nft-multi,xtables-legacy-multi,conntrack,nft} usr/bin/kmod)

mkdir -p "$out"/usr/{sbin,bin,lib64} "$out/$lib" "$out"/{run,etc}
for link in lib lib64 sbin bin; do ln -s "usr/$link" "$out/$link"; done
for tool in "${tools[@]}"; do cp "$root/$tool" "$out/$tool"; done
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s xtables-nft-multi "$out/usr/sbin/$name"
done
cp -r "$root/$lib/xtables" "$out/$lib/"

for file in "${tools[@]}" $(cd "$root" && echo "$lib"/xtables/*.so); do chroot "$root" ldd "/$file"; done |
  grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r library; do
    place=/usr${library#/usr}
    mkdir -p "$out$(dirname "$place")"
    cp -L "$root$(chroot "$root" realpath "$library")" "$out$place"
  done
for module in statistic comment conntrack mark recent; do chroot "$out" /usr/sbin/iptables -m $module -h >/dev/null; done
