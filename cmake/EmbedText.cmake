# Run with cmake -P: writes a C source that defines `const char NAME[]` with the concatenated bytes of FILES and a NUL.
#   -DOUT=file.c -DNAME=symbol -DFILES=a;b
set(hex "")
foreach(file ${FILES})
  file(READ ${file} part HEX)
  string(APPEND hex ${part})
endforeach()
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
file(WRITE ${OUT} "extern const char ${NAME}[];\nconst char ${NAME}[] = {${bytes}0};\n")
