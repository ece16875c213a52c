#!/bin/sh
# SPDX-License-Identifier: MIT
# Gives bench-sign its keys, a SoftHSM token with the same keys, and a service.
# usage: sign.sh BENCH_SIGN P11DBUS P11DBUS_MODULE
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$here/../make-keys" "$dir/keys" p256 rsa

softhsm=$(find /usr/lib /usr/lib64 -name libsofthsm2.so 2>/dev/null | head -n 1)
SOFTHSM2_CONF=$dir/softhsm2.conf
export SOFTHSM2_CONF
mkdir "$dir/tokens"
echo "directories.tokendir = $dir/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --module "$softhsm" --init-token --free --label bench --pin 1234 --so-pin 1234 >/dev/null
id=1
for key in p256 rsa; do
    openssl pkcs8 -topk8 -nocrypt -in "$dir/keys/$key.key" -out "$dir/$key.p8"
    softhsm2-util --module "$softhsm" --import "$dir/$key.p8" --token bench --label "$key" \
        --id 0$id --pin 1234 >/dev/null
    id=$((id + 1))
done

"$here/../with-service" "$2" "$dir/keys" "$1" "$3" "$softhsm" "$dir/keys"
