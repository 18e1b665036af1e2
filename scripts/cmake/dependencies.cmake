# The libraries that we stand on. Nothing is downloaded here: whoever builds supplies them, by
# packages or by CMAKE_PREFIX_PATH; scripts/install-deps.sh does it for Debian.

include(CheckLinkerFlag)

# need(WHAT FOUND PACKAGE [ARCHIVE]) stops and says what to do, unless FOUND is true. PACKAGE is its name in
# Debian. With ARCHIVE, a static binary needs it as an archive.
function(need what found package)
  if(found)
    return()
  endif()
  set(hint "")
  if("ARCHIVE" IN_LIST ARGN AND CLUSTER_LEADER_STATIC)
    set(hint "\nA static binary needs its archive (.a); -DCLUSTER_LEADER_STATIC=OFF links the shared one.")
  endif()
  message(FATAL_ERROR "${what} was not found. Install it (Debian: ${package}), or add its folder to "
    "CMAKE_PREFIX_PATH. scripts/install-deps.sh does both on Debian and its relatives.${hint}")
endfunction()

# are_archives(RESULT LIBRARIES...) sets RESULT to false if a static binary cannot link one of them.
function(are_archives result)
  set(${result} TRUE PARENT_SCOPE)
  foreach(library IN LISTS ARGN)
    if(CLUSTER_LEADER_STATIC AND NOT library MATCHES "[.]a$")
      set(${result} FALSE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

find_package(PkgConfig QUIET)
need(pkg-config "${PKG_CONFIG_FOUND}" pkg-config)
find_package(Threads REQUIRED)

# A static binary needs the archives, which usually stand beside the shared libraries.
if(CLUSTER_LEADER_STATIC)
  check_linker_flag(CXX -static LINKER_HAS_STATIC)
  if(NOT LINKER_HAS_STATIC)
    message(FATAL_ERROR "${CMAKE_CXX_COMPILER} cannot link a static program. Install the archives of the C "
      "and the C++ library (Debian: libc6-dev), or use -DCLUSTER_LEADER_STATIC=OFF.")
  endif()
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

pkg_check_modules(HIREDIS QUIET IMPORTED_TARGET "hiredis>=1.1")
need("hiredis 1.1 or newer" "${HIREDIS_FOUND}" libhiredis-dev ARCHIVE)
are_archives(found ${HIREDIS_LINK_LIBRARIES})
need("The archive of hiredis" ${found} libhiredis-dev ARCHIVE)
pkg_check_modules(CARES QUIET IMPORTED_TARGET libcares)
need(c-ares "${CARES_FOUND}" libc-ares-dev ARCHIVE)
are_archives(found ${CARES_LINK_LIBRARIES})
need("The archive of c-ares" ${found} libc-ares-dev ARCHIVE)
set(OPENSSL_USE_STATIC_LIBS ${CLUSTER_LEADER_STATIC})
find_package(OpenSSL 3.0 QUIET)
need("OpenSSL 3.0 or newer" "${OPENSSL_FOUND}" libssl-dev ARCHIVE)

find_package(CLI11 QUIET)
need(CLI11 "${CLI11_FOUND}" libcli11-dev)
find_package(nlohmann_json QUIET)
need("JSON for Modern C++ (nlohmann_json)" "${nlohmann_json_FOUND}" nlohmann-json3-dev)
find_package(spdlog QUIET)
need(spdlog "${spdlog_FOUND}" libspdlog-dev)
if(CLUSTER_LEADER_TESTS)
  find_package(GTest QUIET)
  need("GoogleTest with GoogleMock" "${GTest_FOUND}" "libgtest-dev libgmock-dev")
  find_package(yaml-cpp QUIET)
  need(yaml-cpp "${yaml-cpp_FOUND}" libyaml-cpp-dev)
endif()

# We use spdlog as headers only. Where it is built upon a separate fmt, fmt is used as headers only
# as well, because distributions ship no archive of it.
get_target_property(spdlog_links spdlog::spdlog_header_only INTERFACE_LINK_LIBRARIES)
if("fmt::fmt" IN_LIST spdlog_links)
  find_package(fmt QUIET)
  need(fmt "${fmt_FOUND}" libfmt-dev)
  list(TRANSFORM spdlog_links REPLACE "^fmt::fmt$" "fmt::fmt-header-only")
  set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_LINK_LIBRARIES "${spdlog_links}")
endif()
