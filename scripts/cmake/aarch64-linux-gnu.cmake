# Builds for arm64 with Debian's cross compiler. CROSS_ROOT is the folder with the libraries for it.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH $ENV{CROSS_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Runs what the build itself runs: the program that writes the completions.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
# Debian has the headers that differ between processors in a folder of their own.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/aarch64-linux-gnu)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/aarch64-linux-gnu)
