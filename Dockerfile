# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The image of rnnserve: the server, the importer that it calls, rnnctl and the demo client, with
# the shared libraries that they need and nothing else; it has no shell. Build it with
# deploy/container/build-image, which also works without a Docker daemon.
FROM debian:bookworm-slim AS build
WORKDIR /src

# The packages change seldom and take longest, so they come before the sources.
COPY deploy/packages deploy/packages
RUN deploy/packages/install build && rm -rf /var/lib/apt/lists/*

COPY . .
RUN --mount=type=cache,target=/ccache \
    export CCACHE_DIR=/ccache && \
    cmake --preset release -DRNNSERVE_BUILD_TESTS=OFF && \
    cmake --build --preset release --target rnnserve rnnserve-import rnnctl rnnserve-demo && \
    cd build/release/bin && \
    /src/deploy/container/collect-runtime /image rnnserve rnnserve-import rnnctl rnnserve-demo

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 50051 9464
ENTRYPOINT ["/usr/bin/rnnserve"]
