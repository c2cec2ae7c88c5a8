#!/usr/bin/env bash
# Cuts the power under a server that is being flooded, again and again, on a real file system: ext4 or XFS on a file,
# stopped in the middle of everything (xfs_io's shutdown, for which all that is pending is lost), then mounted anew.
# Whatever was answered with 250 must be there, and nothing in `router` may be less than whole.
#
#   sudo xtask/powercut.sh ext4|xfs [ROUNDS [BINARY]]
#
# It needs root, a loop device, xfsprogs and smtp-source. No step of `cargo xtask test` can rely on these.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?ext4 or xfs}
rounds=${2:-10}
binary=${3:-target/release/smtpserver}
folder=$(mktemp -d)
mkdir "$folder/mnt"
truncate -s 1G "$folder/image"
device=$(losetup --show -f "$folder/image")
server='' source=''

clean() {
    [ -z "$source" ] || kill "$source" 2>/dev/null || true
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    sleep 0.3
    umount "$folder/mnt" 2>/dev/null || true
    losetup -d "$device"
    rm -rf "$folder"
}
trap clean EXIT

"mkfs.$kind" -q "$device"
mount "$device" "$folder/mnt"
for round in $(seq "$rounds"); do
    "$binary" --foreground -p 2944 --log-file "$folder/log" --param 'localnames local.example' \
        -P "$folder/mnt" -I "$folder/pid" >"$folder/said" 2>&1 &
    server=$!
    for _ in $(seq 50); do grep -q 'listening on' "$folder/said" && break; sleep 0.1; done
    smtp-source -s 30 -m 1000000 -l 3000 -d -f a@b.example -t b@local.example 127.0.0.1:2944 >/dev/null 2>&1 &
    source=$!
    sleep "0.$((RANDOM % 800 + 100))"
    xfs_io -x -c shutdown "$folder/mnt"
    # Whatever is still answered now would be a lie.
    sleep 0.3
    kill "$source" 2>/dev/null || true
    kill -9 "$server"
    wait "$source" "$server" 2>/dev/null || true
    server='' source=''
    umount "$folder/mnt"
    mount "$device" "$folder/mnt"

    grep -ao 'outcome=stored spool=[A-Za-z0-9]*' "$folder/log" | sed 's/.*spool=//' | sort -u >"$folder/promised"
    "$binary" spool list -P "$folder/mnt" | grep -oE '^S[0-9A-Za-z]+' | sort -u >"$folder/there"
    lost=$(comm -23 "$folder/promised" "$folder/there" | wc -l)
    # All messages have the same text: a shorter file, or one with a NUL, is not whole.
    torn=$( (find "$folder/mnt/router" -type f -size -3000c; grep -laP '\x00' -r "$folder/mnt/router" || true) | wc -l)
    echo "round $round: $(wc -l <"$folder/promised") promised, $(wc -l <"$folder/there") there, $lost lost, $torn torn"
    [ "$lost" -eq 0 ] && [ "$torn" -eq 0 ]
done
