# cmake -P mutate.cmake SOURCE FOLDER NAME writes FOLDER/ followed by the name of SOURCE: the source
# with the text of FOLDER/original.txt replaced by that of FOLDER/replacement.txt. It fails unless
# the original occurs exactly once.

set(source ${CMAKE_ARGV3})
set(folder ${CMAKE_ARGV4})
set(name ${CMAKE_ARGV5})
file(READ ${source} text)
file(READ ${folder}/original.txt original)
file(READ ${folder}/replacement.txt replacement)

string(FIND "${text}" "${original}" first)
string(FIND "${text}" "${original}" last REVERSE)
if(original STREQUAL "" OR first EQUAL -1)
  message(FATAL_ERROR "mutation ${name}: its original text does not occur in ${source}:\n${original}")
elseif(NOT first EQUAL last)
  message(FATAL_ERROR "mutation ${name}: its original text occurs more than once in ${source}:\n${original}")
endif()

string(REPLACE "${original}" "${replacement}" text "${text}")
get_filename_component(file ${source} NAME)
if(NOT file MATCHES "[.]lua$")
  # The compiler's messages name the line of the real file.
  string(PREPEND text "#line 1 \"${source}\"\n")
endif()
file(WRITE ${folder}/${file} "${text}")
