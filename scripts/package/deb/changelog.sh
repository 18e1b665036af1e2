#!/usr/bin/env bash
# Prints the changelog of the Debian package: the version and its date, which CHANGELOG.md details.
#
# usage: scripts/package/deb/changelog.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../common.sh"

cat <<END
cluster-leader (${DEB_VERSION:-$(project_version)}) unstable; urgency=medium

  * See https://semver.org for the version, and CHANGELOG.md in the source for
    what has changed.

 -- The authors of cluster-leader <maintainers@cluster-leader.invalid>  $(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:?is not set}")
END
