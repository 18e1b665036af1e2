#!/usr/bin/env bash
# scripts/release.sh refuses what cannot be released, in a copy of this tree that could be but for one
# thing. It never comes to building anything: in the copy, the tests end it.
#
# usage: test/package/release.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

version=$(project_version)
copy=$scratch/copy
log=$scratch/log
export GIT_AUTHOR_NAME=tester GIT_AUTHOR_EMAIL=tester@localhost GIT_COMMITTER_NAME=tester GIT_COMMITTER_EMAIL=tester@localhost
# Nobody's own configuration counts.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

mkdir "$copy"
tar -C "$root" -c CMakeLists.txt CHANGELOG.md CONTRIBUTING.md Dockerfile README.md scripts | tar -C "$copy" -x
cd "$copy"
sed -i "0,/^## .*/s//## $version - 2026-11-29/" CHANGELOG.md
printf '#!/bin/sh\necho "the tests begin"\nexit 3\n' >scripts/test.sh
commit() { git add -A && git commit --quiet --allow-empty -m "$1"; }
git init --quiet
commit base

# run VERSION sets `status`.
run() {
  status=0
  scripts/release.sh "$@" >"$log" 2>&1 || status=$?
}

# refuses TEXT [VERSION]: one line that has TEXT, and no test begins. Then the tree is as before.
refuses() {
  run "${2:-$version}"
  [ "$status" = 1 ] || die "expected a refusal with '$1', not the status $status: $(cat "$log")"
  grep -qF -- "$1" "$log" || die "expected '$1', not: $(cat "$log")"
  [ "$(wc -l <"$log")" = 1 ] || die "the refusal has more than one line: $(cat "$log")"
  git tag -d "v$version" >/dev/null 2>&1 || true
  git reset --quiet --hard "$(git rev-list --max-parents=0 HEAD)"
  git clean --quiet -fd
}

run "$version"
[ "$status" = 3 ] || die "a tree without a fault is refused: $(cat "$log")"
grep -qx "the tests begin" "$log" || die "a tree without a fault is refused: $(cat "$log")"

refuses "CMakeLists.txt has the version $version" 9.9.9
sed -i "s/\"version\": \"$version\"/\"version\": \"9.9.9\"/" scripts/node-red/package.json && commit package
refuses "package.json has another version"
for file in README.md CONTRIBUTING.md scripts/node-red/README.md Dockerfile; do
  sed -i "0,/$version/s//9.9.9/" "$file" && commit "$file"
  refuses "$file names the version"
done
sed -i '0,/^## .*/s//## Unreleased/' CHANGELOG.md && commit unreleased
refuses "CHANGELOG.md begins with '## Unreleased'"
sed -i "0,/^## .*/s//## $version - 2026-02-31/" CHANGELOG.md && commit date
refuses "a date that does not exist"
sed -i "0,/^## .*/s//## $version - 2999-01-01/" CHANGELOG.md && commit future
refuses "a date in the future"
echo >>README.md
refuses "not committed"
touch new-file
refuses "not committed"
git tag "v$version"
refuses "the tag v$version exists already"
