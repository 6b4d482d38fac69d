#!/usr/bin/env bash
# Build the images and run each on a phantom head. Needs a Docker daemon, and Apptainer for the last
# step, which is skipped without it.
set -euo pipefail
if ! docker info >/dev/null 2>&1; then
  echo "containers/try.sh: there is no Docker daemon; no image was built or run" >&2
  exit 1
fi
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
as_me=(--user "$(id -u):$(id -g)")

docker build -t mrtoct:cpu .
docker run --rm -v "$work:/data" "${as_me[@]}" mrtoct:cpu phantom raw --subjects 1 --preset tiny
docker run --rm -v "$work:/data" "${as_me[@]}" mrtoct:cpu \
  translate raw/phantom-001/mr.nii.gz sct.nii.gz
test -s "$work/sct.nii.gz"

docker build -t mrtoct:grand-challenge containers/grand-challenge
mkdir -p "$work/input/images/mri" "$work/output"
docker run --rm -v "$work:/data" "${as_me[@]}" --entrypoint python mrtoct:cpu -c \
  'import mrtoct; mrtoct.write_volume("input/images/mri/case.mha", mrtoct.read_volume("raw/phantom-001/mr.nii.gz", "a.u."))'
docker run --rm --network none "${as_me[@]}" \
  -v "$work/input:/input:ro" -v "$work/output:/output" mrtoct:grand-challenge
test -s "$work/output/images/synthetic-ct/case.mha"

if command -v apptainer >/dev/null; then
  python3 -m build --wheel
  apptainer build "$work/mrtoct.sif" containers/mrtoct.def
  apptainer test "$work/mrtoct.sif"
fi
echo "all images work"
