# link_as_configured(TARGET) makes an executable static where CLUSTER_LEADER_STATIC asks for it.

include(CheckLinkerFlag)

# The linker warns that getaddrinfo and getpwnam need the shared glibc at run time even in a static
# binary. hiredis and c-ares contain such calls, but ours never reach them: names are resolved by
# c-ares' own code, and hiredis is only ever given addresses. The warning would be the only output
# of every build.
check_linker_flag(CXX -Wl,--no-warnings LINKER_HAS_NO_WARNINGS)

function(link_as_configured target)
  if(NOT CLUSTER_LEADER_STATIC)
    return()
  endif()
  target_link_options(${target} PRIVATE -static)
  if(LINKER_HAS_NO_WARNINGS)
    target_link_options(${target} PRIVATE -Wl,--no-warnings)
  endif()
endfunction()
