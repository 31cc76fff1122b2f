# The Lua scripts of a folder (worker/scripts, or a copy of it), each with the lines it begins with, as C strings named script_NAME.
#   worker_scripts(VARIABLE FOLDER BUILD-FOLDER [DEPENDENCY...]): the C sources that are made go into the variable.
function(worker_scripts variable folder build_folder)
  set(take whole take)
  set(claim guard done tries claim)
  set(due guard whole tries due)
  set(apply guard done held apply)
  set(check guard whole check)
  set(postpone guard held postpone)
  set(sweep guard held tries sweep)
  set(release release)
  set(sources "")
  foreach(name take claim due apply check postpone sweep release)
    set(out ${build_folder}/script_${name}.c)
    list(TRANSFORM ${name} REPLACE "(.+)" "${folder}/\\1.lua" OUTPUT_VARIABLE files)
    add_custom_command(OUTPUT ${out}
      COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=script_${name} "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake
      DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake ${ARGN} VERBATIM)
    list(APPEND sources ${out})
  endforeach()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()
