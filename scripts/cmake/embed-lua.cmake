# cmake -P embed-lua.cmake OUTPUT PRELUDE.lua QUEUE.lua LINE.lua SCRIPT.lua... writes a C++ header with
# the text of each script and its SHA-1, for EVALSHA. foo_bar.lua becomes kFooBarScript. The prelude is
# in front of each, what knows the queue in front of those that use it, and what stands in line in
# front of those that do.
# Lines that are only a comment are left out: scripts are sent as text, thousands of times when
# thousands of leases are released.

set(output ${CMAKE_ARGV3})

# The code in a file. It must reach the server exactly as it is hashed: rejects what a raw string
# literal might change.
function(read_lua file variable)
  file(READ ${file} text)
  file(SHA1 ${file} sha1)
  string(SHA1 embedded_sha1 "${text}")
  string(FIND "${text}" ")lua\"" delimiter)
  string(FIND "${text}" "\r" carriage_return)
  if(NOT sha1 STREQUAL embedded_sha1 OR NOT delimiter EQUAL -1 OR NOT carriage_return EQUAL -1)
    message(FATAL_ERROR "${file}: cannot be embedded; it contains a NUL, a carriage return or )lua\"")
  endif()
  string(REGEX REPLACE "\n *--[^\n]*" "" text "\n${text}")
  string(REGEX REPLACE "\n\n+" "\n" text "${text}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

read_lua(${CMAKE_ARGV4} prelude)
read_lua(${CMAKE_ARGV5} queue)
read_lua(${CMAKE_ARGV6} line)
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
foreach(index RANGE 7 ${last})
  if(index GREATER last)
    break()
  endif()
  set(file ${CMAKE_ARGV${index}})
  read_lua(${file} text)
  if(text MATCHES "stand\\(")
    string(PREPEND text "${line}")
  endif()
  if(text MATCHES "queue_of\\(")
    string(PREPEND text "${queue}")
  endif()
  string(PREPEND text "${prelude}")
  string(SHA1 sha1 "${text}")
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
constexpr Script k${identifier}Script{R\"lua(${text})lua\",
    \"${sha1}\"};
")
endforeach()

string(APPEND header "
}  // namespace cluster_leader
")
file(WRITE ${output} "${header}")
