# SPDX-License-Identifier: Apache-2.0
# Cross build for 64-bit Arm with Debian's gcc-aarch64-linux-gnu; tools/build_aarch64.sh gathers the libraries in WHET_SYSROOT.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WHET_SYSROOT)
if(WHET_SYSROOT)
  list(PREPEND CMAKE_FIND_ROOT_PATH ${WHET_SYSROOT})
  set(CMAKE_C_FLAGS_INIT "-isystem ${WHET_SYSROOT}/usr/include/aarch64-linux-gnu")
  set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${WHET_SYSROOT}/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,${WHET_SYSROOT}/usr/lib/aarch64-linux-gnu:${WHET_SYSROOT}/lib/aarch64-linux-gnu")
  set(CMAKE_SHARED_LINKER_FLAGS_INIT "${CMAKE_EXE_LINKER_FLAGS_INIT}")
endif()
find_program(WHET_QEMU qemu-aarch64)
if(WHET_QEMU AND WHET_SYSROOT) # then the tests are built too and run under it
  set(CMAKE_CROSSCOMPILING_EMULATOR ${WHET_QEMU} -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${WHET_SYSROOT}/usr/lib/aarch64-linux-gnu:${WHET_SYSROOT}/lib/aarch64-linux-gnu)
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
