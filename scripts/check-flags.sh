#!/usr/bin/env bash
# Checks that no build type defines NDEBUG, that the user's own flags are kept, and that NDEBUG among
# them is refused with a clear message. It configures, and compiles one header.
#
# usage: scripts/check-flags.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

failed=
report() {
  say "$*"
  failed=yes
}

types='Release;MinSizeRel;RelWithDebInfo;Debug;None'

# configured NAME ARGUMENT... configures all build types at once.
configured() {
  local name=$1
  shift
  configure release -B "$scratch/$name" -G 'Ninja Multi-Config' \
    "-DCMAKE_CONFIGURATION_TYPES=$types" "$@"
}

# commands NAME TYPE prints how the sources are compiled.
commands() { grep -F "CMAKE_INTDIR=\\\\\\\"$2\\\\\\\"" "$scratch/$1/compile_commands.json"; }

# expect NAME TYPE FLAGS: this build type is compiled with these flags, and without NDEBUG.
expect() {
  local found
  found=$(commands "$1" "$2" || true)
  [ -n "$found" ] || report "nothing is compiled for $2"
  ! grep -qF NDEBUG <<<"$found" || report "$2 defines NDEBUG"
  ! grep -vqF -- " $3 " <<<"$found" || report "$2 is not compiled with '$3'"
}

configured default
expect default Release '-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2'
expect default MinSizeRel -Os
expect default RelWithDebInfo '-O2 -g'
expect default Debug '-O1 -g -D_GLIBCXX_ASSERTIONS'
expect default None -std=c++20

# A toolchain file precedes CMake's own flags.
echo 'set(CMAKE_CXX_FLAGS_MINSIZEREL_INIT -DTOOLCHAIN)' >"$scratch/toolchain.cmake"
configured chosen -DCMAKE_CXX_FLAGS=-DEVERYWHERE '-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DMINE' \
  '-DCMAKE_CXX_FLAGS_NONE=-O2 -DPACKAGED' "-DCMAKE_TOOLCHAIN_FILE=$scratch/toolchain.cmake"
expect chosen Release '-DEVERYWHERE -O1 -DMINE'
expect chosen None '-DEVERYWHERE -O2 -DPACKAGED'
expect chosen MinSizeRel '-DEVERYWHERE -DTOOLCHAIN -Os'
expect chosen RelWithDebInfo '-DEVERYWHERE -O2 -g'

compile() { "${CXX:-c++}" -std=c++20 -fsyntax-only -include "$root/src/base/errors.h" "$@" -x c++ /dev/null 2>&1; }
compile || report "src/base/errors.h does not compile"
! refusal=$(compile -DNDEBUG) || report "a build with NDEBUG is not refused"
grep -qF 'must be built without NDEBUG' <<<"$refusal" || report "the refusal does not say why: $refusal"

[ -z "$failed" ]
