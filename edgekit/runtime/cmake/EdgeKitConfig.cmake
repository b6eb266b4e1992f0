# EdgeKit for CMake projects: models become libraries while the project is configured.
#
#   execute_process(COMMAND edgekit --cmake-dir OUTPUT_VARIABLE EdgeKit_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
#   find_package(EdgeKit REQUIRED)
#   edgekit_add_model(keyword_spotting MODEL keyword_spotting.tflite TARGET cortex-m4)
#   target_link_libraries(firmware PRIVATE edgekit::keyword_spotting)

find_program(EDGEKIT_COMMAND edgekit REQUIRED DOC "The edgekit command")

# edgekit_add_model(NAME MODEL FILE TARGET NAME [MAX_RAM BYTES] [MAX_FLASH BYTES]
#                   [PATCHES auto] [INTERFACE file|integer])
#
# Defines the library edgekit::NAME from a .tflite file; NAME is also what its functions start with. The target is
# one that `edgekit targets` lists, or a file. The others are the options of `edgekit build`: with budgets, configuring
# fails if the model needs more. A model file that changes is built again by the next `cmake --build`.
function(edgekit_add_model name)
  set(options MAX_RAM MAX_FLASH PATCHES INTERFACE)
  cmake_parse_arguments(PARSE_ARGV 1 given "" "MODEL;TARGET;${options}" "")
  if(given_UNPARSED_ARGUMENTS OR given_KEYWORDS_MISSING_VALUES OR NOT given_MODEL OR NOT given_TARGET)
    message(FATAL_ERROR "edgekit_add_model(NAME MODEL FILE TARGET NAME [MAX_RAM BYTES] [MAX_FLASH BYTES] "
                        "[PATCHES auto] [INTERFACE file|integer])")
  endif()
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "edgekit_add_model: '${name}' is no name for functions in C: "
                        "lower case letters, digits and underscores.")
  endif()
  get_filename_component(model "${given_MODEL}" ABSOLUTE)
  set(target "${given_TARGET}")
  if(target MATCHES "\\.toml$")
    get_filename_component(target "${target}" ABSOLUTE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${target}")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${model}")
  get_filename_component(folder "${target}" NAME_WLE)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/edgekit")
  set(command "${EDGEKIT_COMMAND}" build "${model}" --target "${target}" --name "${name}" --output "${output}")
  foreach(option IN LISTS options)
    if(given_${option})
      string(TOLOWER "--${option}" word)
      string(REPLACE "_" "-" word "${word}")
      list(APPEND command "${word}" "${given_${option}}")
    endif()
  endforeach()
  message(STATUS "Building ${name} for ${folder}")
  execute_process(COMMAND ${command} RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE words)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${words}")
  endif()
  add_subdirectory("${output}/${name}/${folder}" "${output}/${name}-objects")
endfunction()
