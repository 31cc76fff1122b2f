# Compiler flags of every target: warnings are errors; sanitizers and hardening by preset.

option(TRUEFTP_HARDEN "Compile and link with the hardening flags" OFF)
set(TRUEFTP_SANITIZE "" CACHE STRING "Value of -fsanitize=, e.g. address,undefined")

set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# uthash's default hash falls through its switch cases, which clang reports in our files.
add_compile_definitions(_GNU_SOURCE TRUEFTP_VERSION="${PROJECT_VERSION}" HASH_FUNCTION=HASH_OAT)
add_compile_options(
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wformat=2 -Wnull-dereference -Wvla
  -Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef)

if(TRUEFTP_SANITIZE)
  add_compile_options(-fsanitize=${TRUEFTP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TRUEFTP_SANITIZE})
endif()

if(TRUEFTP_HARDEN)
  include(CheckCCompilerFlag)
  check_c_compiler_flag(-ftrivial-auto-var-init=zero HAVE_TRIVIAL_AUTO_VAR_INIT) # clang has it from 16 on
  add_compile_options(
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
    -fcf-protection=full $<$<BOOL:${HAVE_TRIVIAL_AUTO_VAR_INIT}>:-ftrivial-auto-var-init=zero>)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
