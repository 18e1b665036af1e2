# The flags of each build type. CMake's own define NDEBUG in all but Debug, and no build of this
# project may: an assert states what must hold for a job to be alive only under its lease, so a build
# for users stops there as well (see src/base/errors.h). Flags that somebody has chosen, be it with
# -DCMAKE_CXX_FLAGS_RELEASE=..., CXXFLAGS or a toolchain file, are kept.

# default_flags(CONFIG OF_CMAKE OURS) replaces what CMake has set for CONFIG of its own accord.
function(default_flags config of_cmake ours)
  set(flags CMAKE_CXX_FLAGS_${config})
  # What a toolchain file has put before CMake's own is in there, too.
  string(STRIP "${${flags}_INIT}" initial)
  if("${${flags}}" STREQUAL initial)
    string(REPLACE "${of_cmake}" "${ours}" chosen "${initial}")
    set(${flags} "${chosen}" CACHE STRING "Flags of the build type ${config}" FORCE)
  endif()
endfunction()

# What users run stops at an overrun, too.
set(hardened "-fstack-protector-strong -D_FORTIFY_SOURCE=2")
default_flags(RELEASE "-O3 -DNDEBUG" "-O2 ${hardened}")
default_flags(RELWITHDEBINFO "-O2 -g -DNDEBUG" "-O2 -g ${hardened}")
default_flags(MINSIZEREL "-Os -DNDEBUG" "-Os ${hardened}")
default_flags(DEBUG "-g" "-O1 -g -D_GLIBCXX_ASSERTIONS")
