#!/bin/sh
# SPDX-License-Identifier: MIT
# Lists 10,002 objects of a service, with p11dbus and with its peers on the same module, in turn.
# usage: list.sh MANY_KEYS P11DBUS P11DBUS_MODULE
set -eu

if [ "$1" = --beside-service ]; then
    exec python3 "$(dirname "$0")/list.py" "$2" "$3"
fi
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" "$dir/keys" 3334
"$here/../with-service" "$2" "$dir/keys" "$here/list.sh" --beside-service "$2" "$3"
