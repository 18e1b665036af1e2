# cmake -P embed-lua.cmake OUTPUT SCRIPT.lua... writes a C++ header with the text of each script and
# its SHA-1, which is what EVALSHA wants. foo_bar.lua becomes kFooBarScript.

set(output ${CMAKE_ARGV3})
set(header "// Generated from src/store/redis/scripts/*.lua when the project is built.
#pragma once

#include <string_view>

namespace cluster_leader {

/// A Lua script and the lower-case hexadecimal SHA-1 of its text, by which the server knows it.
struct Script {
  std::string_view text;
  std::string_view sha1;
};
")

math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE 4 ${last})
  if(index GREATER last)
    break()
  endif()
  set(file ${CMAKE_ARGV${index}})
  file(READ ${file} text)
  file(SHA1 ${file} sha1)
  # The text must reach the server exactly as it was hashed: reject what a raw string literal might
  # change.
  string(SHA1 embedded_sha1 "${text}")
  string(FIND "${text}" ")lua\"" delimiter)
  string(FIND "${text}" "\r" carriage_return)
  if(NOT sha1 STREQUAL embedded_sha1 OR NOT delimiter EQUAL -1 OR NOT carriage_return EQUAL -1)
    message(FATAL_ERROR "${file}: cannot be embedded; it contains a NUL, a carriage return or )lua\"")
  endif()
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "[^a-z0-9]+" ";" words "${name}")
  set(identifier "")
  foreach(word IN LISTS words)
    string(SUBSTRING "${word}" 0 1 first)
    string(SUBSTRING "${word}" 1 -1 rest)
    string(TOUPPER "${first}" first)
    string(APPEND identifier "${first}${rest}")
  endforeach()
  string(APPEND header "
inline constexpr Script k${identifier}Script{R\"lua(${text})lua\",
    \"${sha1}\"};
")
endforeach()

string(APPEND header "
}  // namespace cluster_leader
")
file(WRITE ${output} "${header}")
