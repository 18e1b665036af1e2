# Images with cluster-leader, built from this folder alone:
#
#   docker build --target binary -t cluster-leader .
#   docker build --target node-red -t node-red-with-cluster-leader .
#
# scripts/check-image.sh builds both without a Docker engine and tries what comes out.

# The second image adds to this one, which may be any version of the official image, on Alpine or
# Debian.
ARG NODE_RED_IMAGE=nodered/node-red:4.1.0

FROM debian:bookworm AS build
WORKDIR /src
# No more than it takes to build, so that a build in this folder is not taken along.
COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY src src
COPY man man
COPY scripts scripts
RUN scripts/build.sh release
RUN cmake --install build --strip --prefix /out
RUN scripts/node-red/pack.sh /out /out/bin/cluster-leader

# Node-RED with the package in its palette, and the program on the PATH of exec nodes. Nothing of it
# lies in /data, which is hidden by the volume.
FROM ${NODE_RED_IMAGE} AS node-red
COPY --from=build /out/bin/cluster-leader /usr/local/bin/
# The tarball stays, since package.json names it and npm looks for it whenever it installs another.
COPY --from=build /out/node-red-contrib-cluster-leader-cli-*.tgz ./
RUN npm install --no-audit --no-fund --omit=dev ./node-red-contrib-cluster-leader-cli-*.tgz

# Nothing but the program: to be copied out of into other images, or to be run as it is. It asks no
# system for anything but the /etc/resolv.conf and /etc/hosts that an engine supplies.
FROM scratch AS binary
COPY --from=build /out/bin/cluster-leader /cluster-leader
USER 1000:1000
ENTRYPOINT ["/cluster-leader"]
