# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts of this folder. Chooses the container engine: Docker if its daemon answers,
# otherwise buildah and podman, which need no daemon and are installed here if they are missing.
# shellcheck shell=bash
# Its variables are used by the scripts that source it.
# shellcheck disable=SC2034

container_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source_dir="$(cd "$container_dir/../.." && pwd)"

readonly image=rnnserve:latest
readonly base_image=docker.io/library/debian:bookworm-slim
readonly stand_in_label=rnnserve.stand-in-base

say() { echo "[${0##*/}] $*"; }
fail() {
  echo "[${0##*/}] $*" >&2
  exit 1
}

as_root() {
  if [[ "$(id -u)" -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

choose_engine() {
  if docker info >/dev/null 2>&1; then
    engine=docker
  else
    engine=podman
    "$container_dir/../packages/install" image
  fi
}

# containers COMMAND...: runs docker or podman, whichever choose_engine chose.
containers() {
  if [[ "$engine" == docker ]]; then
    docker "$@"
  else
    as_root env CONTAINERS_CONF="$container_dir/containers.conf" podman "$@"
  fi
}

# build_with_buildah TAG FOLDER: builds without a cgroup, a network of its own or a registry.
build_with_buildah() {
  as_root env CONTAINERS_CONF="$container_dir/containers.conf" \
    buildah bud --isolation chroot --pull-never --layers --tag "$1" "$2"
}

# Makes a minimal Debian 12 image and gives it the name to which `FROM debian:bookworm-slim`
# resolves, so that the Dockerfile need not change. Only for podman and buildah, and only if no
# image has that name yet.
ensure_base_image() {
  if ! containers image exists "$base_image"; then
    say "making a base image with mmdebstrap in place of $base_image"
    as_root mmdebstrap --quiet --variant=minbase bookworm - |
      containers import --change "LABEL $stand_in_label=true" - "$base_image" >/dev/null
  fi
  local stand_in
  stand_in="$(containers image inspect --format "{{index .Labels \"$stand_in_label\"}}" \
    "$base_image")"
  if [[ "$stand_in" == true ]]; then
    say "the build stage uses mmdebstrap's minimal Debian 12, NOT the official $base_image"
  fi
}

# image_bytes TAG: prints the size of the image's files as one uncompressed tar archive.
image_bytes() {
  local container
  container="$(containers create "$1")"
  containers export "$container" | wc -c
  containers rm "$container" >/dev/null
}
