#!/usr/bin/env bash
# demo.sh MATTERFS creates the example firm in a temporary directory, mounts it, and shows what each of its people sees
# and is refused, each acting under their own numeric uid (no accounts are made). Run as root: make demo.
# It checks every outcome it shows, exits nonzero when one is wrong, and leaves nothing behind; KEEP=1 leaves it mounted.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: demo.sh MATTERFS}")

# The checkout may lie below a directory that only root can enter; the users of the drive must reach the mount.
work=$(mktemp -d "/tmp/matterfs-demo.XXXXXX")
chmod 0755 "$work"
firm=$work/firm mnt=$work/mnt matterfs=$work/matterfs
wrong=0

clean_up() {
  local rc=$?
  cd /
  [ "$rc" = 0 ] && [ -n "${KEEP:-}" ] && return
  if mountpoint -q "$mnt"; then
    "$matterfs" umount "$mnt" >/dev/null || fusermount3 -uz "$mnt" || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

declare -A uid=([张伟]=10021 [李娜]=10022 [王强]=10023 [赵敏]=10024 [何静]=10025 [陈洁]=10031 [周彤]=10035 [孙丽]=10041 [刘洋]=10051 [root]=0)

title() { printf '\n== %s\n' "$@"; }
as() {
  local id=${uid[$1]}
  shift
  setpriv --reuid "$id" --regid "$id" --clear-groups -- env -i PATH="$PATH" LC_ALL="$LC_ALL" HOME=/nonexistent "$@"
}

# said WHO COMMAND: runs the shell command as that person in $place; its words go to $words, its status to $rc.
place=$mnt
said() {
  local who=$1 what=$2
  printf '%s$ %s\n' "$who" "$what"
  rc=0
  words=$(as "$who" bash -c "cd \"$place\" && $what" 2>&1 </dev/null) || rc=$?
  [ -z "$words" ] || printf '%s\n' "$words" | sed 's/^bash: line 1: //; s/^/    /'
}
may() {
  said "$1" "$2"
  [ "$rc" = 0 ] || { wrong=$((wrong + 1)); echo "    !! should have been allowed"; }
}
refused() {
  said "$1" "$2"
  case "$rc:$words" in
  0:*) wrong=$((wrong + 1)); echo "    !! should have been refused" ;;
  *"$3"*) ;;
  *) wrong=$((wrong + 1)); echo "    !! should have said: $3" ;;
  esac
}
# sees WHO NAME...: the listing of the drive holds exactly these, and one folder of their own.
sees() {
  local who=$1
  shift
  may "$who" ls
  [ "$(grep -v ^我的访问- <<<"$words")" = "$(printf '%s\n' "$@")" ] && [ "$(grep -c ^我的访问- <<<"$words")" = 1 ] || { wrong=$((wrong + 1)); echo "    !! should have listed: $*"; }
}

make_firm() {
  title "init, and the policy of the example firm"
  install -m 0755 "$program" "$matterfs"
  mkdir -m 0755 "$mnt"
  "$matterfs" init "$firm"
  rm -rf "$firm/policy"
  cp -R "$here/policy" "$firm/policy"
  chown -R root:root "$firm/policy"
  "$matterfs" policy check "$firm"
  title "mount"
  "$matterfs" mount --background "$firm" "$mnt"
}

# load WHO MATTER: the person copies the matter's documents in, as they would with any program.
load() {
  tar -C "$here/documents/$2" -cf - $(cd "$here/documents/$2" && ls) |
    as "$1" tar -C "$mnt/$2" -xf - --no-same-owner --no-same-permissions
}

# 85 characters are 255 bytes, the longest name that Linux has.
long=关于江宁恒晟机电设备有限公司诉苏北宏图精密铸造有限公司买卖合同纠纷一案庭审笔录及补充质证意见汇总
long+=含第二批第三批床身铸件探伤检测报告复核意见与停工损失专项审计说明修订稿终稿

fill() {
  title "the leads copy their documents in / 承办律师存入文件"
  load 张伟 2026-0142
  load 何静 2026-0150
  load 陈洁 2026-0177
  may 张伟 "echo 补充质证意见见卷三。 > '2026-0142/$long'"
  refused 张伟 "cp '2026-0142/庭审提纲.txt' 2026-0200/" "Permission denied"
}

people() {
  title "张伟 zhang.wei 10021: lead of 2026-0142 and 2026-0200 / 承办律师"
  sees 张伟 2026-0142 2026-0150 2026-0200
  may 张伟 "find 2026-0142 -type f | sort"
  may 张伟 "head -n 6 2026-0142/案件分析备忘录.txt"
  may 张伟 "echo '- 11月30日前 张伟：确认调解底线。' >> 2026-0142/案件分析备忘录.txt && tail -n 2 2026-0142/案件分析备忘录.txt"
  title "the top level refuses even its lead until a second person is present (need.second) / 绝密：双人在场"
  refused 张伟 "ls 2026-0200" "Permission denied"

  title "李娜 li.na 10022: member, may read, write and create / 成员"
  may 李娜 "cat 2026-0142/庭审提纲.txt | head -n 4"
  may 李娜 "echo '证人名单待补。' > 2026-0142/证据/证人名单.txt && ls 2026-0142/证据"
  refused 李娜 "rm 2026-0142/文书/民事起诉状.pdf" "Permission denied"

  title "赵敏 zhao.min 10024: read-only member / 只读成员"
  may 赵敏 "wc -c 2026-0142/合同/产品买卖合同-HS-2024-031.docx"
  refused 赵敏 "echo x >> 2026-0142/庭审提纲.txt" "Permission denied"

  title "陈洁 chen.jie 10031: behind wall W-07; the matter does not exist for her / 隔离墙"
  sees 陈洁 2026-0177
  refused 陈洁 "cat 2026-0142/案件分析备忘录.txt" "No such file or directory"
  may 陈洁 "cat 2026-0177/答辩要点.txt | head -n 4"

  title "孙丽 sun.li 10041: administrative staff; listed, but not yet approved / 行政人员，未经审批"
  refused 孙丽 "ls 2026-0142" "Permission denied"

  title "周彤 zhou.tong 10035: intern; a folder above the clearance is not there / 实习人员"
  may 周彤 "ls 2026-0150"
  refused 周彤 "cat 2026-0150/财务/财务审计摘录.txt" "No such file or directory"

  place=$work # those who may not even list the drive name it from outside
  title "刘洋 liu.yang 10051: contractor without a confidentiality agreement / 外包人员，未签保密协议"
  refused 刘洋 "ls mnt" "Permission denied"

  title "王强 wang.qiang 10023: left the firm on 2026-10-31 / 已离职"
  refused 王强 "ls mnt" "Permission denied"
  refused 王强 "cat mnt/2026-0142/庭审提纲.txt" "Permission denied"

  title "root is nobody here / root 也不例外"
  refused root "ls mnt" "Permission denied"
  refused root "cat mnt/2026-0142/庭审提纲.txt" "Permission denied"
}

on_disk() {
  title "what the disk holds: no name, no text / 磁盘上的密文"
  (cd "$firm/data" && find . | sort | cut -c 1-100 | head -n 12)
  printf '%s files, of which %s hold the words 江宁恒晟\n' "$(find "$firm/data" -type f | wc -l)" \
    "$( (grep -rl 江宁恒晟 "$firm/data" || true) | wc -l)"
  ! grep -rq 江宁恒晟 "$firm/data" || wrong=$((wrong + 1))
}

log() {
  title "the audit log: intact, and its last records / 审计日志"
  "$matterfs" audit verify "$firm"
  "$matterfs" audit tail -n 12 "$firm"
  title "a report: who was refused what / 报告:被拒绝的访问"
  "$matterfs" audit report denied --section byuser --format csv "$firm"
}

keep() {
  trap - EXIT
  title "left mounted; try / 可以试试"
  cat <<EOF
    cd $mnt; setpriv --reuid 10021 --regid 10021 --clear-groups ls        # 张伟; 10022 李娜, 10031 陈洁, 10023 王强
    $matterfs status $firm
    $matterfs policy explain --as chen.jie read 2026-0142 $firm
    $matterfs audit tail -f $firm
    $matterfs audit report matter matter=2026-0142 --lang zh --out $work/register.html $firm
    $matterfs umount $mnt && rm -rf $work                                  # when you are done / 结束
EOF
}

make_firm
cd "$work"
fill
people
on_disk
log
[ "$wrong" = 0 ] || { printf '\n%d outcomes were not as they should be (!!)\n' "$wrong" >&2; exit 1; }
[ -z "${KEEP:-}" ] || keep
