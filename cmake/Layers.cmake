# Layers: a header of a layer is included as "layer/name.h", and its include path comes only with the
# layer's link target. So a file of common/util cannot include anything of common/model: the
# compiler does not find it. The path is a folder with one link in it, made in the build tree.
#
#   trueftp_layer(NAME SOURCES file... LINKS target...)

function(trueftp_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()
