# The libraries that we stand on. Nothing is downloaded here: whoever builds supplies them, by
# packages or by CMAKE_PREFIX_PATH; scripts/install-deps.sh does it for Debian.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# A static binary needs the archives, which usually stand beside the shared libraries.
if(CLUSTER_LEADER_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET "hiredis>=1.1")
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)

find_package(CLI11 REQUIRED)
set(OPENSSL_USE_STATIC_LIBS ${CLUSTER_LEADER_STATIC})
find_package(OpenSSL 3.0 REQUIRED)

find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)

# We use spdlog as headers only. Where it is built upon a separate fmt, fmt is used as headers only
# as well, because distributions ship no archive of it.
get_target_property(spdlog_links spdlog::spdlog_header_only INTERFACE_LINK_LIBRARIES)
if("fmt::fmt" IN_LIST spdlog_links)
  find_package(fmt REQUIRED)
  list(TRANSFORM spdlog_links REPLACE "^fmt::fmt$" "fmt::fmt-header-only")
  set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_LINK_LIBRARIES "${spdlog_links}")
endif()
