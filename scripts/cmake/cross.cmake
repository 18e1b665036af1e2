# Builds for another processor with Debian's cross compiler: a toolchain file sets `triplet`, `processor` and
# `emulator`, and includes this. CROSS_ROOT is the folder with the libraries for it.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_FIND_ROOT_PATH $ENV{CROSS_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Runs what the build itself runs: the program that writes the completions.
set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator})
# Debian has the headers that differ between processors in a folder of their own.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/${triplet})
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/${triplet})
