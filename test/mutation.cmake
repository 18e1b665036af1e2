# add_mutation(NAME ORIGINAL REPLACEMENT FILTER) breaks one rule in the file ${mutated} of the
# project and expects the tests of its layer that FILTER (of GoogleTest) selects to notice it; what
# is not in src/ has the tests of lease/. ORIGINAL must occur exactly once in the file, or the build
# stops. The ctest mutation.NAME passes only if the tests fail.
#
# The executable is the object files of these tests, linked with the mutated file in front of the
# library that it belongs to; for a Lua script, with what has the scripts embedded.
function(add_mutation name original replacement filter)
  set(source ${PROJECT_SOURCE_DIR}/${mutated})
  cmake_path(GET mutated FILENAME file)
  set(layer lease)
  if(mutated MATCHES "^src/([^/]+)/")
    set(layer ${CMAKE_MATCH_1})
  endif()
  set(mutator ${PROJECT_SOURCE_DIR}/scripts/cmake/mutate.cmake)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
  # The code is passed in files, since a command line would need the quoting of two languages.
  file(CONFIGURE OUTPUT ${folder}/original.txt CONTENT "\${original}")
  file(CONFIGURE OUTPUT ${folder}/replacement.txt CONTENT "\${replacement}")
  add_custom_command(
    OUTPUT ${folder}/${file}
    COMMAND ${CMAKE_COMMAND} -P ${mutator} ${source} ${folder} ${name}
    DEPENDS ${source} ${mutator} ${folder}/original.txt ${folder}/replacement.txt
    COMMENT "Mutating ${mutated}: ${name}"
    VERBATIM)
  set(mutant ${folder}/${file})
  if(file MATCHES "[.]lua$")
    embed_mutant(${folder} ${source})
    set(mutant ${users_of_lua} ${folder}/store/redis/scripts.h)
  endif()
  add_executable(mutant_${name} ${mutant} $<TARGET_OBJECTS:${layer}_tests>)
  target_include_directories(mutant_${name} BEFORE PRIVATE ${folder})
  target_link_libraries(mutant_${name} PRIVATE ${layer} test_support GTest::gmock_main)
  # A broken rule may leave something unused, which does not matter here.
  target_compile_options(mutant_${name} PRIVATE -w)
  if(NOT layer STREQUAL lease)
    target_compile_options(mutant_${name} PRIVATE ${quick_to_compile})
  endif()
  add_test(NAME mutation.${name}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/lease/expect-caught.sh $<TARGET_FILE:mutant_${name}> ${filter})
  set_tests_properties(mutation.${name} PROPERTIES TIMEOUT 120 LABELS mutation)
endfunction()

# The scripts, and what includes them.
set(lua_folder ${PROJECT_SOURCE_DIR}/src/store/redis/scripts)
file(GLOB lua_files CONFIGURE_DEPENDS ${lua_folder}/*.lua)
set(lua_in_front ${lua_folder}/prelude.lua ${lua_folder}/queue.lua ${lua_folder}/line.lua)
list(REMOVE_ITEM lua_files ${lua_in_front})
list(PREPEND lua_files ${lua_in_front})
set(users_of_lua ${PROJECT_SOURCE_DIR}/src/store/redis/script_command.cc
  ${PROJECT_SOURCE_DIR}/src/store/redis/registry.cc)

# embed_mutant(FOLDER SOURCE) makes FOLDER/store/redis/scripts.h of all scripts, with the one in FOLDER
# in place of SOURCE.
function(embed_mutant folder source)
  set(scripts ${lua_files})
  cmake_path(GET source FILENAME file)
  list(TRANSFORM scripts REPLACE "^${source}$" ${folder}/${file})
  set(embed ${PROJECT_SOURCE_DIR}/scripts/cmake/embed-lua.cmake)
  add_custom_command(
    OUTPUT ${folder}/store/redis/scripts.h
    COMMAND ${CMAKE_COMMAND} -P ${embed} ${folder}/store/redis/scripts.h ${scripts}
    DEPENDS ${scripts} ${embed}
    VERBATIM)
endfunction()
