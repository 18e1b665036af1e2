# Images with cluster-leader, built from this folder alone:
#
#   docker build --target binary -t cluster-leader .
#   docker build --target debian -t cluster-leader:debian .
#   docker build --target node-red -t node-red-with-cluster-leader .
#
# Each takes `--platform linux/amd64`, `linux/arm64` or `linux/arm/v7`. The program is built by a cross
# compiler; only the steps of the other two images run on that platform. `--build-arg COMMIT=$(git
# rev-parse HEAD)` is what --version and the labels then say.
#
# None has a HEALTHCHECK, since that needs the key. Add it where the key is named; it is healthy while it
# can ask the server, whether it leads or not:
#
#   FROM cluster-leader:debian
#   CMD ["elect", "--key", "worker", "--", "/usr/local/bin/worker"]
#   HEALTHCHECK CMD cluster-leader check --key worker --follower-code 0 || exit 1
#
# scripts/check-image.sh builds all of them without a Docker engine and tries what comes out.

# The last image adds to this one, which may be any version of the official image, on Alpine or
# Debian.
ARG NODE_RED_IMAGE=nodered/node-red:4.1.0

FROM --platform=$BUILDPLATFORM debian:bookworm AS build
# What is built for, as Docker names it: amd64, arm64 or arm. Set by --platform; by default the builder's own.
ARG TARGETARCH
ARG COMMIT=
WORKDIR /src
# No more than it takes to build, so that a build in this folder is not taken along.
COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY src src
COPY man man
COPY scripts scripts
RUN scripts/package/build.sh "$TARGETARCH" /src/build "$COMMIT"
RUN cmake --install build --strip --prefix /out
RUN scripts/node-red/pack.sh /out /out/bin/cluster-leader

# Node-RED with the package in its palette, and the program on the PATH of exec nodes. Nothing of it
# lies in /data, which is hidden by the volume.
FROM ${NODE_RED_IMAGE} AS node-red
ARG COMMIT=
LABEL org.opencontainers.image.title="Node-RED with cluster-leader" \
  org.opencontainers.image.description="Node-RED with a node that elects one leader among its replicas" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="$COMMIT" \
  org.opencontainers.image.licenses="MIT AND Apache-2.0"
COPY --from=build /out/bin/cluster-leader /usr/local/bin/
# The tarball stays, since package.json names it and npm looks for it whenever it installs another.
COPY --from=build /out/node-red-contrib-cluster-leader-cli-*.tgz ./
RUN npm install --no-audit --no-fund --omit=dev ./node-red-contrib-cluster-leader-cli-*.tgz

# Debian with the program on the PATH and the CAs that rediss:// needs: for jobs that need a shell, and to
# build others on it, with USER root for what they install.
FROM debian:bookworm-slim AS debian
ARG COMMIT=
LABEL org.opencontainers.image.title="cluster-leader" \
  org.opencontainers.image.description="flock for clusters: runs a command on one of several machines" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="$COMMIT" \
  org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && \
  rm -rf /var/lib/apt/lists/*
COPY --from=build /out/bin/cluster-leader /usr/local/bin/
USER 1000:1000
ENTRYPOINT ["cluster-leader"]

# Nothing but the program: to be copied out of into other images, or to be run as it is. It asks no
# system for anything but the /etc/resolv.conf and /etc/hosts that an engine supplies.
FROM scratch AS binary
ARG COMMIT=
LABEL org.opencontainers.image.title="cluster-leader" \
  org.opencontainers.image.description="flock for clusters: runs a command on one of several machines" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="$COMMIT" \
  org.opencontainers.image.licenses="MIT"
COPY --from=build /out/bin/cluster-leader /cluster-leader
USER 1000:1000
ENTRYPOINT ["/cluster-leader"]
