# Builds for armhf (ARMv7 with a floating-point unit) with Debian's cross compiler. CROSS_ROOT is the folder with the libraries for it.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_CXX_COMPILER arm-linux-gnueabihf-g++)
set(CMAKE_LIBRARY_ARCHITECTURE arm-linux-gnueabihf)
set(CMAKE_FIND_ROOT_PATH $ENV{CROSS_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Runs what the build itself runs: the program that writes the completions.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm-static)
# Debian has the headers that differ between processors in a folder of their own.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/arm-linux-gnueabihf)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES $ENV{CROSS_ROOT}/usr/include/arm-linux-gnueabihf)
