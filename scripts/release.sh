#!/usr/bin/env bash
# Checks that this commit can be released as VERSION, runs all tests, and builds and tries all packages.
# It changes and uploads nothing: that is left to whoever releases.
#
# usage: scripts/release.sh VERSION
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 1 ] || die "usage: release.sh VERSION"
version=$1
cd "$root"

# CMakeLists.txt has the version. What cannot read it there must say the same.
[ "$(project_version)" = "$version" ] || die "CMakeLists.txt has the version $(project_version)"
grep -qF "\"version\": \"$version\"" scripts/node-red/package.json || die "scripts/node-red/package.json has another version"
for file in README.md CONTRIBUTING.md scripts/node-red/README.md Dockerfile; do
  named=$(grep -oE '(cluster-leader[a-z-]*[-_]|image\.version="|release\.sh )[0-9]+\.[0-9]+\.[0-9]+' "$file" |
    grep -oE '[0-9.]+$' | sort -u | paste -sd ' ')
  [ "$named" = "$version" ] || die "$file names the version '$named'; expected $version"
done

heading=$(grep -m 1 '^## ' CHANGELOG.md)
[[ $heading =~ ^'## '"$version"' - '([0-9]{4}-[0-9]{2}-[0-9]{2})$ ]] ||
  die "CHANGELOG.md begins with '$heading'; expected '## $version - $(date +%F)'"
date=$(date -d "${BASH_REMATCH[1]}" +%s 2>/dev/null) || die "CHANGELOG.md has a date that does not exist: ${BASH_REMATCH[1]}"
[ "$date" -le "$(date +%s)" ] || die "CHANGELOG.md has a date in the future: ${BASH_REMATCH[1]}"

[ -z "$(git status --porcelain)" ] || die "there are changes that are not committed; see git status"
if git rev-parse -q --verify "refs/tags/v$version" >/dev/null; then die "the tag v$version exists already"; fi

scripts/test.sh
# Leaves what it has tried in build/dist.
scripts/package.sh --check
cat <<END

$(git rev-parse --short HEAD) can be released as $version. To do so:
  git tag --sign v$version
  git push origin v$version
and publish what is in build/dist.
END
