#!/usr/bin/env bash
# Builds the last commit in a new system of Debian, with its compiler and its shared libraries, as a
# distribution would: every warning is an error. It installs what the messages of CMake name, one after
# the other, so each of them must say what to do. Must be root, for chroot(2).
#
# usage: scripts/package/check-source.sh SUITE
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/trial.sh"

[ $# -eq 1 ] || die "usage: check-source.sh SUITE"
suite=$1
units=(base_tests lease_tests options_tests report_tests supervise_tests)
# What a build needs besides the libraries is for CMake to say, except itself.
first=(cmake ninja-build g++)
asked=()

configure_in_root() {
  in_root cmake -S /src -B /src/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCLUSTER_LEADER_STATIC=OFF \
    -DCLUSTER_LEADER_TESTS=ON -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >"$scratch/configure.log" 2>&1
}

# Prints what the last message of CMake says is to be installed. CMake breaks its lines.
named_packages() { tr -s '\n ' ' ' <"$scratch/configure.log" | sed -n 's/.* Install it (Debian: \([a-z0-9+. -]*\)).*/\1/p'; }

install_what_is_named() {
  local -a named
  until configure_in_root; do
    read -ra named < <(named_packages) || true
    [ ${#named[@]} -gt 0 ] || { tail -n 30 "$scratch/configure.log" >&2; die "CMake does not say what is missing"; }
    if [[ " ${asked[*]} " == *" ${named[0]} "* ]]; then die "CMake names ${named[0]} although it is installed"; fi
    apt_in_root install --no-install-recommends "${named[@]}"
    asked+=("${named[@]}")
  done
  [ ${#asked[@]} -ge 8 ] || die "CMake has named only ${asked[*]}"
  say "CMake has named what was missing: ${asked[*]}"
}

build_in_root() {
  in_root cmake --build /src/build --target cluster-leader completions "${units[@]}" >"$scratch/build.log" 2>&1 ||
    { grep -A 20 -m 1 FAILED "$scratch/build.log" >&2; die "the build in $suite failed"; }
  in_root cmake --install /src/build --prefix /usr >/dev/null
}

check_hardening() {
  local program=$tree/usr/bin/cluster-leader library
  readelf --wide --all "$program" >"$scratch/elf"
  grep -q 'Type: *DYN (Position-Independent Executable' "$scratch/elf" || die "the program is not position-independent"
  grep -q GNU_RELRO "$scratch/elf" || die "the program has no RELRO"
  grep -Eq 'FLAGS_1.*NOW' "$scratch/elf" || die "the program binds late"
  grep -q __stack_chk_fail "$scratch/elf" || die "the program has no stack protector"
  grep -Eq 'UND __[a-z]+_chk@' "$scratch/elf" || die "the program is not fortified"
  for library in hiredis cares ssl crypto stdc++ c; do
    grep -q "NEEDED.*\[lib$library\.so" "$scratch/elf" || die "the program does not use the shared $library"
  done
}

say "building from source in $suite"
enter_root "$suite"
apt_in_root update
apt_in_root install --no-install-recommends "${first[@]}"
mkdir "$tree/src" "$tree/tmp/try"
git -C "$root" archive HEAD | tar -C "$tree/src" -x
install_what_is_named
build_in_root
check_hardening
in_root ctest --test-dir /src/build -L unit --output-on-failure >"$scratch/unit.log" 2>&1 ||
  { tail -n 40 "$scratch/unit.log" >&2; die "the tests fail in $suite"; }
say "$(grep 'tests passed' "$scratch/unit.log"), in $(sed -n 's/^Total Test time (real) = *//p' "$scratch/unit.log")"
start_server
check_program "the build in $suite, by $(in_root c++ -dumpfullversion)," "$tree/tmp/try" /tmp/try in_root cluster-leader
