#!/usr/bin/env bash
# Prints what the binaries are made of, as SPDX 2.3 in JSON.
#
# usage: scripts/package/sbom.sh COMMIT
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 1 ] || die "usage: sbom.sh COMMIT"
version=$(project_version)
created=$(date -u -d "@${SOURCE_DATE_EPOCH:?is not set}" +%Y-%m-%dT%H:%M:%SZ)

version_of() { dpkg-query -W -f '${Version}' "$1"; }

hiredis_version() {
  PKG_CONFIG_PATH=$hiredis_prefix/lib/pkgconfig pkg-config --modversion hiredis
}

# library NAME VERSION LICENCE
library() {
  jq -n --arg name "$1" --arg version "$2" --arg licence "$3" '{
    SPDXID: ("SPDXRef-" + ($name | gsub("[^A-Za-z0-9.-]"; "-"))), name: $name, versionInfo: $version,
    licenseDeclared: $licence, licenseConcluded: "NOASSERTION", copyrightText: "NOASSERTION",
    downloadLocation: "NOASSERTION", filesAnalyzed: false }'
}

{
  library hiredis "$(hiredis_version)" BSD-3-Clause
  library c-ares "$(version_of libc-ares-dev)" MIT
  library OpenSSL "$(version_of libssl-dev)" Apache-2.0
  library CLI11 "$(version_of libcli11-dev)" BSD-3-Clause
  library spdlog "$(version_of libspdlog-dev)" MIT
  library fmt "$(version_of libfmt-dev)" MIT
  library nlohmann-json "$(version_of nlohmann-json3-dev)" MIT
  library libstdc++ "$(version_of "libstdc++-$(g++ -dumpversion)-dev")" "GPL-3.0-or-later WITH GCC-exception-3.1"
  library glibc "$(version_of libc6-dev)" LGPL-2.1-or-later
} | jq -s --arg version "$version" --arg commit "$1" --arg created "$created" '{
  spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
  name: "cluster-leader-\($version)", documentNamespace: "urn:cluster-leader:\($version):\($commit)",
  creationInfo: { created: $created, creators: ["Tool: cluster-leader-scripts-package-sbom"] },
  documentDescribes: ["SPDXRef-cluster-leader"],
  packages: ([{ SPDXID: "SPDXRef-cluster-leader", name: "cluster-leader", versionInfo: $version,
    sourceInfo: "commit \($commit)", licenseDeclared: "MIT", licenseConcluded: "MIT",
    copyrightText: "NOASSERTION", downloadLocation: "NOASSERTION", filesAnalyzed: false }] + .),
  relationships: map({ spdxElementId: "SPDXRef-cluster-leader", relationshipType: "STATIC_LINK",
    relatedSpdxElement: .SPDXID }) }'
