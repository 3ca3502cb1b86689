# lathe_add_model(NAME MODEL [BATCH n] [TARGET name...] [TRAIN] [WEIGHTS file] [OPTIONS word...])
#
# A static library NAME with the C of a model, which `lathe compile` writes while the project is built:
# whoever links it includes "NAME.h", and every symbol begins with NAME. MODEL and WEIGHTS are files, or
# MODEL a built-in network (vgg16); the C is written again after a change of these or of lathe. OPTIONS
# are further words for lathe compile; those that name files are dependencies too.
#
# Weights of up to 64 KB are part of the library. Larger ones are a file, whose path is NAME's property
# LATHE_WEIGHTS (the file is empty where the library has them), or with OPTIONS --embed-weights part of
# the library too.

# The absolute path of an existing file, which is relative to the caller's folder; else `word` as it is.
function(_lathe_file word result)
  get_filename_component(path "${word}" ABSOLUTE)
  if(EXISTS "${path}" AND NOT IS_DIRECTORY "${path}")
    set(word "${path}")
  endif()
  set(${result} "${word}" PARENT_SCOPE)
endfunction()

# `words` with the files among them absolute; the files.
function(_lathe_words words result files)
  set(all "")
  set(found "")
  foreach(word IN LISTS words)
    _lathe_file("${word}" path)
    list(APPEND all "${path}")
    if(IS_ABSOLUTE "${path}")
      list(APPEND found "${path}")
    endif()
  endforeach()
  set(${result} "${all}" PARENT_SCOPE)
  set(${files} "${found}" PARENT_SCOPE)
endfunction()

function(_lathe_check name model unknown)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "C" IN_LIST languages)
    message(FATAL_ERROR "lathe_add_model(${name}) needs C: add it to the languages of project()")
  elseif(unknown)
    message(FATAL_ERROR "lathe_add_model(${name}): unexpected '${unknown}'")
  elseif(NOT name MATCHES "^[A-Za-z][A-Za-z0-9_]*$")
    message(FATAL_ERROR "lathe_add_model(${name}): the name becomes part of C symbols; it takes letters, "
      "digits and underscores, and begins with a letter")
  elseif(NOT IS_ABSOLUTE "${model}" AND model MATCHES "[/.]")
    message(FATAL_ERROR "lathe_add_model(${name}): there is no file ${CMAKE_CURRENT_SOURCE_DIR}/${model}")
  endif()
endfunction()

# An object with the weights; without the assembler language, which few projects have.
function(_lathe_assemble name folder result)
  set(object "${folder}/${name}_weights.o")
  add_custom_command(
    OUTPUT "${object}"
    COMMAND "${CMAKE_C_COMPILER}" -c "-Wa,-I,${folder}" "${folder}/${name}_weights.S" -o "${object}"
    DEPENDS "${folder}/${name}_weights.S" "${folder}/${name}.weights"
    VERBATIM)
  set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(${result} "${object}" PARENT_SCOPE)
endfunction()

function(lathe_add_model name model)
  cmake_parse_arguments(PARSE_ARGV 2 M "TRAIN" "BATCH;WEIGHTS" "TARGET;OPTIONS")
  _lathe_file("${model}" model)
  _lathe_check("${name}" "${model}" "${M_UNPARSED_ARGUMENTS}")
  _lathe_words("${M_OPTIONS}" words inputs)
  if(IS_ABSOLUTE "${model}")
    list(APPEND inputs "${model}")
  endif()
  if(model MATCHES "\\.onnx$")
    # its external data lies beside it, by a longer name
    file(GLOB beside CONFIGURE_DEPENDS "${model}?*")
    list(APPEND inputs ${beside})
  endif()
  if(M_WEIGHTS)
    get_filename_component(weights "${M_WEIGHTS}" ABSOLUTE)
    list(APPEND inputs "${weights}")
    list(APPEND words --weights "${weights}")
  endif()
  if(M_BATCH)
    list(APPEND words --batch "${M_BATCH}")
  endif()
  if(M_TARGET)
    list(JOIN M_TARGET "," targets)
    list(APPEND words --target "${targets}")
  endif()
  if(M_TRAIN)
    list(APPEND words --train)
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/lathe/${name}")
  set(sources "${folder}/${name}.c" "${folder}/${name}.h")
  # Whether lathe writes them is known only when it ran; empty ones stand for those that it does not.
  set(perhaps "")
  if(NOT M_TRAIN)
    list(APPEND perhaps "${folder}/${name}.weights")
    if("--embed-weights" IN_LIST words)
      list(APPEND perhaps "${folder}/${name}_weights.S")
      _lathe_assemble("${name}" "${folder}" object)
    endif()
  endif()
  add_custom_command(
    OUTPUT ${sources} ${perhaps}
    COMMAND "${CMAKE_COMMAND}" -E rm -f ${sources} ${perhaps}
    COMMAND lathe::lathe compile "${model}" -o "${folder}" --name "${name}" ${words}
    COMMAND "${CMAKE_COMMAND}" -E touch ${sources} ${perhaps}
    DEPENDS lathe::lathe ${inputs}
    COMMENT "lathe compile: ${name}"
    VERBATIM)
  add_library(${name} STATIC ${sources} ${object})
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${folder}>")
  # The model is as fast in a debug build.
  target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Release,RelWithDebInfo>>:-O2>)
  target_link_libraries(${name} PUBLIC m)
  if(NOT M_TRAIN)
    set_target_properties(${name} PROPERTIES LATHE_WEIGHTS "${folder}/${name}.weights")
  endif()
endfunction()
