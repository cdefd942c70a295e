#!/usr/bin/env bash
# Every GPU figure in one call of under ten minutes, on a machine with a GPU that may have no network.
#
#   bash bench/gpu.sh [OUT]      OUT: a folder that gets gpu.json and gpu.log too
#
# Needs a Python with torch for the GPU and the other packages that pyproject.toml names. Fashion-MNIST's
# four files are taken from bench/data/fashion-mnist (ignored by git, so it can be carried along) or
# from where Debian puts them. Where no GPU is found it says so and exits with 2.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${1:-bench/results}
mkdir -p "$out"
export PYTHONPATH=src PYTHONUNBUFFERED=1 SADDLE_OFFLINE=1
[ -e bench/data/fashion-mnist ] && export SADDLE_DATA=$PWD/bench/data
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
    echo "torch finds no GPU here; bench/gpu.py --device cpu tries the script without one" >&2
    exit 2
}
"$python" bench/gpu.py | tee "$out/gpu.log"
[ "$out" -ef bench/results ] || cp bench/results/gpu.json "$out/"
