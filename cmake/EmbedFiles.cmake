# Run with cmake -P: writes a C source with the bytes of files, and a table of them sorted by path, as HEADER declares it:
# `const struct NAME_file NAME_files[]` of {path, etag, bytes, size} and `const size_t NAME_file_count`. The ETag comes from the
# bytes alone, so every build of the same files has the same.
#   -DOUT=file.c -DNAME=dashboard -DHEADER=dashboard/files.h -DROOT=folder -DFILES=a;b   (files of ROOT; "/a" is a's path)
list(SORT FILES)
set(number 0)
set(table "")
file(WRITE ${OUT} "#include \"${HEADER}\"\n")
foreach(file ${FILES})
  file(READ ${ROOT}/${file} hex HEX)
  file(SHA256 ${ROOT}/${file} hash)
  file(SIZE ${ROOT}/${file} size)
  string(SUBSTRING ${hash} 0 32 etag)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  file(APPEND ${OUT} "static const unsigned char bytes_${number}[] = {${bytes}};\n")
  string(APPEND table "    {\"/${file}\", \"\\\"${etag}\\\"\", bytes_${number}, ${size}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(APPEND ${OUT} "const struct ${NAME}_file ${NAME}_files[] = {\n${table}};\nconst size_t ${NAME}_file_count = ${number};\n")
