#!/usr/bin/env bash
# Size of a fresh virtual environment with the core of Pixwise, in MB (10^6 bytes), and its largest packages.
# Ends with 1 when it is above the promise of 480.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet .
size=$(du -s --block-size=1MB "$folder/venv" | cut -f1)
echo "$size"
du -s --block-size=1MB "$folder"/venv/lib/python*/site-packages/* | sort -rn | sed -n 1,8p
[ "$size" -le 480 ]
