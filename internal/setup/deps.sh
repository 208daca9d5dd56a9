#!/usr/bin/env bash
# deps.sh GROUP... installs what make targets need on Debian, quietly, and only what is missing.
# Groups: root (nothing to install: the target must run as root), build (Go, C compiler), mount (FUSE), test, apps, browser, bench, gocryptfs.
# Exit 1 with cause and way out when something is missing and cannot be installed.
set -euo pipefail

minor=21  # Go 1.21 is the first that fetches the version which go.mod names

die() { printf 'deps.sh: %s\n' "$@" >&2; exit 1; }

# What a group needs, as PROBE=PACKAGE: a command, or a path that begins with /.
needs() {
  case $1 in
  build) echo gcc=gcc /usr/include/pwd.h=libc6-dev git=git /etc/ssl/certs/ca-certificates.crt=ca-certificates ;;
  mount) echo fusermount3=fuse3 setpriv=util-linux unshare=util-linux nsenter=util-linux findmnt=mount ;;
  root) ;;
  test) echo /bin/kill=procps ;;
  apps)
    echo rsyslogd=rsyslog "/usr/lib/$(uname -m)-linux-gnu/rsyslog/lmnsd_gtls.so=rsyslog-gnutls" vim=vim git=git sqlite3=sqlite3 rsync=rsync tar=tar tmux=tmux python3=python3 \
      soffice=libreoffice-writer /usr/lib/python3/dist-packages/uno.py=python3-uno \
      /usr/sbin/smbd=samba "/usr/lib/$(uname -m)-linux-gnu/samba/vfs/acl_xattr.so=samba-vfs-modules" smbclient=smbclient \
      "/usr/lib/$(uname -m)-linux-gnu/libnss_wrapper.so=libnss-wrapper" \
      /usr/lib/python3/dist-packages/impacket/smb3.py=python3-impacket ;;
  browser) echo chromium=chromium pdftotext=poppler-utils /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc=fonts-noto-cjk ;;
  gocryptfs) echo gocryptfs=gocryptfs ;;
  bench) echo fio=fio rsync=rsync python3=python3 tar=tar find=findutils ;;
  *) die "unknown group $1" ;;
  esac
}

have() { case $1 in /*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null ;; esac; }

missing() {
  local group pair
  for group; do
    for pair in $(needs "$group"); do have "${pair%%=*}" || echo "${pair#*=}"; done
  done | sort -u
}

# apt ARGS...: apt-get that never asks, waits for other installations, and speaks only when it fails.
apt() {
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1 </dev/null; then
    sed 's/^/    /' "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# quietly COMMAND...: runs it while Debian's own switch keeps packages from starting servers: a Samba or other daemon
# that a test needs as a program must not begin to serve this machine.
quietly() {
  local policy=/usr/sbin/policy-rc.d status=0
  [ ! -e "$policy" ] || { "$@"; return; }
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  trap - EXIT
  return "$status"
}

can_install() {
  command -v apt-get >/dev/null || die "missing: $*" "this machine has no apt-get; install these (Debian's names) by other means"
  [ "$(id -u)" = 0 ] || die "missing: $*" "only root can install them; run: sudo apt-get install --no-install-recommends $*"
}

install() {
  [ $# -gt 0 ] || return 0
  can_install "$@"
  echo "installing $*" >&2
  apt update || echo "deps.sh: apt-get update failed (see above); trying with the lists at hand" >&2
  quietly apt install --no-install-recommends "$@" || die "could not install: $*" \
    "see apt-get's words above; without a network, install these packages from your mirror and run this again"
}

# go_works: is there a Go that can build this module, now or by fetching the toolchain that go.mod names?
go_version() { (cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || true; }
go_works() {
  case $(go_version) in
  go1.*) local v; v=$(go_version); v=${v#go1.}; v=${v%%[!0-9]*}; [ "${v:-0}" -ge "$minor" ] ;;
  go*) true ;;
  *) false ;;
  esac
}

# A Debian whose own Go is too old may have a newer one in backports. The mirror is the one that apt uses already.
add_backports() {
  local code uri list=/etc/apt/sources.list.d/matterfs-backports.list key=/usr/share/keyrings/debian-archive-keyring.gpg
  # shellcheck source=/dev/null
  code=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  uri=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 2>/dev/null |
    awk -v c="$code" '$2 == c && $3 == "main" { print $1; exit }')
  [ -n "$code" ] && [ -n "$uri" ] || return 1
  echo "deb [signed-by=$key] $uri $code-backports main" >"$list"
  apt update && apt install --no-install-recommends -t "$code-backports" golang-go && return 0
  rm -f "$list"
  return 1
}

newest_debian_go() {
  apt update || true
  apt-cache madison golang-go 2>/dev/null | sed -n '1s/.*| *2:1\.\([0-9]*\).*/\1/p'
}

need_go() {
  go_works && return 0
  local found
  found=$(go_version)
  can_install golang-go
  echo "installing Go (${found:-none found}; this needs 1.$minor or newer, which then fetches the version in go.mod)" >&2
  local offered
  offered=$(newest_debian_go)
  if [ "${offered:-0}" -ge "$minor" ]; then install golang-go; else add_backports || true; fi
  hash -r
  go_works || die "no usable Go: found ${found:-none}, apt offers 1.${offered:-none}, and backports gave nothing" \
    "unpack a Go of the version in go.mod into /usr/local/go, or put it on PATH, and run this again"
}

# The version in go.mod, fetched by an older Go if need be: fail here, with a reason, rather than in each target.
need_toolchain() {
  local root said
  root=$(cd "$(dirname "$0")/../.." && pwd)
  said=$(cd "$root" && go version 2>&1 >/dev/null) || die "Go $(go_version) cannot get the version that $root/go.mod names:" "    $said" \
    "with a network, unset GOTOOLCHAIN or set it to auto; without one, unpack that version into /usr/local/go"
}

need_root() {
  [ "$(id -u)" = 0 ] || die "this target mounts a file system and acts as several users, which only root can" "run it with sudo"
}

for group; do [ "$group" != root ] || need_root; done
mapfile -t packages < <(missing "$@")
install ${packages[@]+"${packages[@]}"}
for group; do
  case $group in
  build) need_go && need_toolchain ;;
  mount) [ -e /dev/fuse ] || die "/dev/fuse does not exist: the kernel has no FUSE" "run: modprobe fuse; in a container, pass the device in" ;;
  esac
done
