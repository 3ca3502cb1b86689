# What `cmake --install` and `cpack -G DEB` put where.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lathe)
set(made ${PROJECT_BINARY_DIR}/install)

# The manual page and the shell completion say what --help says.
add_custom_command(
  OUTPUT ${made}/lathe.1 ${made}/lathe.bash
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/describe_command.py $<TARGET_FILE:lathe>
          ${made}/lathe.1 ${made}/lathe.bash
  DEPENDS lathe ${PROJECT_SOURCE_DIR}/cmake/describe_command.py)
add_custom_target(lathe_manual ALL DEPENDS ${made}/lathe.1 ${made}/lathe.bash)

# What the binary is made of, with versions and licences.
find_program(DPKG_QUERY dpkg-query)
if(DPKG_QUERY AND NOT LATHE_SANITIZE)
  add_custom_command(
    OUTPUT ${made}/lathe.cdx.json
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/sbom.py $<TARGET_FILE:lathe> ${PROJECT_VERSION}
            ${made}/lathe.cdx.json
    DEPENDS lathe ${PROJECT_SOURCE_DIR}/cmake/sbom.py)
  add_custom_target(lathe_sbom ALL DEPENDS ${made}/lathe.cdx.json)
  install(FILES ${made}/lathe.cdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME sbom.cdx.json)
endif()

file(RELATIVE_PATH PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/lathe.pc.in ${made}/lathe.pc @ONLY)
configure_package_config_file(cmake/lathe-config.cmake.in ${made}/lathe-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${made}/lathe-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS lathe EXPORT lathe-targets)
# the program that parses for it, which nobody else calls
install(TARGETS lathe_parse DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/lathe)
install(EXPORT lathe-targets NAMESPACE lathe:: DESTINATION ${package_dir})
install(FILES ${made}/lathe-config.cmake ${made}/lathe-config-version.cmake cmake/lathe_add_model.cmake
  DESTINATION ${package_dir})
install(FILES runtime/lathe_abi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lathe)
install(FILES ${made}/lathe.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${made}/lathe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/lathe.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME lathe)
install(DIRECTORY python/lathe_nn DESTINATION ${CMAKE_INSTALL_DATADIR}/lathe/python FILES_MATCHING PATTERN "*.py")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# The Debian package: cpack -G DEB. What it depends on is read from the executable.
# The library for mpirun would make it depend on MPI: cmake --install installs that, the package does not.
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};lathe;Unspecified;/")
set(CPACK_PACKAGE_CONTACT "lathe developers")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# train, predict and bench compile what they generate
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "gcc | clang")
# report draws with these
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3 (>= 3.11), python3-sklearn, python3-matplotlib, python3-seaborn, python3-pil")
set(CPACK_PACKAGE_DESCRIPTION "lathe reads the Keras script that describes a network, a file that Keras saved or
an ONNX file, and writes standalone C that is specialised for that one network:
for inference, and for all of training.")
# Times of files in the package: those of the last commit, unless the caller says which.
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%ct OUTPUT_VARIABLE commit_time
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(WRITE ${made}/epoch.cmake "if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})\n  set(ENV{SOURCE_DATE_EPOCH} \"${commit_time}\")\nendif()\n")
  set(CPACK_PROJECT_CONFIG_FILE ${made}/epoch.cmake)
endif()
include(CPack)
