#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# diskfull.sh PROGRAMS BUILD MODE: every program that writes, on a disk of its own with less and less room.  docs/campaigns.md says what
# is promised; status 1 where a promise is broken, 77 where no disk can be made here and nothing was tried.
set -u
programs=$1 build=$2 mode=$3
work=$(pwd)/$build/diskfull disk=$(pwd)/$build/diskfull/disk kept=$(pwd)/$build/diskfull/reference
tensors=tests/corpus/tensors/whole-4.h5 # with o, so that every program can read it
page=$(($(getconf PAGESIZE) / 1024))

# In a name space of its own, so that nobody else sees what is mounted, and nobody need be root.
if [ -z "${DISKFULL_INSIDE:-}" ]; then
  rm -rf "$work" && mkdir -p "$disk" "$kept" results figures || exit 1
  for own in -rm -m; do
    unshare $own mount -t tmpfs none "$disk" 2>/dev/null || continue
    DISKFULL_INSIDE=yes exec unshare $own sh "$0" "$@"
  done
  echo "diskfull: skipped, nothing was tried: neither root nor a user name space may mount a tmpfs here" >&2
  exit 77
fi
export SOURCE_DATE_EPOCH=0
unset MAKEFLAGS MAKELEVEL MFLAGS EFLA_MNIST QUICK FORMAT
runs=0 refused=0 complete=0 broken=0

# An empty disk with that many KiB of room; "none": not even for a file of no bytes.
make_disk() {
  umount "$disk" 2>/dev/null
  files=0 size=$1
  if [ "$1" = none ]; then files=2 size=0; fi
  mount -t tmpfs -o size=$((size + page))k,nr_inodes=$files none "$disk" || exit 1
  head -c ${page}k /dev/zero >"$disk/.ballast" # size=0 would be a disk without an end
}

# Whether two files are the same but for times that they tell: a table by the shape of its rows and its last line's end, HDF5 by all
# but a few bytes.
same() {
  cmp -s "$1" "$2" && return 0
  case $1 in
  *.csv) [ "$(tail -c 1 "$1" | od -An -c)" = "$(tail -c 1 "$2" | od -An -c)" ] &&
    [ "$(sed '/^#/d' "$1" | awk -F, '{ print NF }')" = "$(sed '/^#/d' "$2" | awk -F, '{ print NF }')" ] ;;
  *.h5) [ "$(wc -c <"$1")" = "$(wc -c <"$2")" ] && [ "$(cmp -l "$1" "$2" | wc -l)" -le 64 ] ;;
  *) false ;;
  esac
}

files_of() { (cd "$1" && find . -type f ! -path ./.ballast | sort); }

complain() {
  broken=$((broken + 1))
  echo "BROKEN: $name with $room KiB: $1" >&2
  head -n 3 "$work/err" >&2
}

# A config of a study may also be one of before, which was whole too: with room the same command goes on from it to the same files.
goes_on() {
  rm -rf "$work/configs" && cp -R "$disk/configs" "$work/configs" && make_disk $enough && cp -R "$work/configs" "$disk" || exit 1
  eval "$command" >"$work/out" 2>"$work/err" || return 1
  for file in $(files_of "$kept/$name"); do same "$disk/$file" "$kept/$name/$file" || return 1; done
}

# What the last run left, against what the same run left where there was room.
check_run() {
  runs=$((runs + 1)) older=
  for file in $(files_of "$disk"); do
    case $file in *.part | *.new) complain "left $file" && return ;; esac
    [ -e "$kept/$name/$file" ] || { complain "left $file" && return; }
    same "$disk/$file" "$kept/$name/$file" && continue
    case $file in ./configs/*) older=$file ;; *) complain "$file is damaged" && return ;; esac
  done
  if [ $status = 3 ]; then
    [ -s "$work/err" ] || { complain "status 3 without a sentence" && return; }
    [ "$room" = "$enough" ] && { complain "refused where there was room" && return; }
    [ -z "$older" ] || goes_on || { complain "$older is damaged" && return; }
    refused=$((refused + 1))
  elif [ $status = $well ] && [ "$(files_of "$disk")" = "$(files_of "$kept/$name")" ]; then
    complete=$((complete + 1))
  else
    complain "status $status, expected 3, or $well and every file"
  fi
}

# try NAME COMMAND [STATUS [ROOMS]]: once with room for everything, when it is to end with that status (0), then with less.
try() {
  name=$1 command=$2 well=${3:-0} room=65536 enough=65536
  make_disk $enough
  eval "$command" >"$work/out" 2>"$work/err"
  status=$?
  used=$(du -sk "$disk" | cut -f 1)
  used=$((used - page))
  mkdir -p "$kept/$name" && cp -R "$disk/." "$kept/$name" || exit 1
  check_run
  for room in ${4:-none 0 $page $((used / page / 4 * page)) $((used / page / 2 * page)) $((used / page * 3 / 4 * page)) \
    $((used - page)) $((2 * used + 16 * page))}; do
    make_disk "$room"
    eval "$command" >"$work/out" 2>"$work/err"
    status=$?
    check_run
  done
}

# make's own status for a recipe that failed is 2; results and figures are where the two arguments say.
figures() {
  mkdir -p "$1" "$2" && mount --bind "$1" results && mount --bind "$2" figures || return 3
  make -k --no-print-directory MODE="$mode" QUICK=1 build-figures
  made=$?
  umount results figures
  [ $made = 2 ] && return 3
  return $made
}

for program in accumulation chunk coefficient zero_order_hold channel_decay decay noise order precision reference stability \
  stability_plane throughput; do
  small=
  [ $program = throughput ] && small='--panels decode --cold 4 --dk 16 --repeats 1 --least 1e-4'
  [ $program = accumulation ] && small='--tokens 200 --norm 1 --family unit,dictionary'
  try $program "$programs/$program --quick $small --out $disk/table.csv"
done
try compare "$programs/compare --input $tensors --out $disk/table.csv" 1 # its outputs are others
try diagnose "$programs/diagnose --input $tensors --out $disk/table.csv --figure $disk/picture.svg"
try effects "$programs/effects --input gallery/study.csv --out $disk/table.csv"
try run "$programs/run --input $tensors --output $disk/out.h5"
try smnist "$programs/smnist --quick --train-images 256 --eval-images 40 --configs $disk/configs --tensors $disk/tensors --out $disk/a.csv \
  --losses $disk/b.csv --steps $disk/c.csv"
small='--quick --layers 1 --heads 2 --width 16 --hidden 16 --batch 4 --group 2 --steps 12 --warmup 2 --save-every 4'
try lm "$programs/lm $small --context 16 --every 6 --windows 4 --configs $disk/configs --tensors $disk/tensors --out $disk/a.csv \
  --distributions $disk/b.csv"
for program in recall mad; do
  try $program "$programs/$program $small --tested 8 --configs $disk/configs --out $disk/table.csv"
done
# Over ranks, whose launcher tells the status of the first that ends.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks='mpirun --oversubscribe --bind-to none -n 2'
if $ranks true >/dev/null 2>&1; then
  try run-ranks "$ranks $programs/run --threads 1 --input $tensors --output $disk/out.h5"
  for parallel in data configs; do
    try lm-ranks-$parallel "$ranks $programs/lm $small --threads 1 --context 16 --every 6 --windows 4 --keys raw,unit --parallel $parallel \
      --configs $disk/configs --out $disk/table.csv"
  done
fi
mkdir -p "$work/results" "$work/figures"
try figures "figures $work/results $disk" 0 "none 0 128 300 1000"
rm -rf "$work/figures" # else nothing is left to make
try tables "figures $disk $work/figures" 0 "none 0 40 100"
umount "$disk"

echo "diskfull: $runs runs, $refused refused rightly, $complete complete, $broken broken"
[ $broken = 0 ] && [ $refused -gt 0 ] && [ $complete -gt 0 ]
