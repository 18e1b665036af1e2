// <regex>, without the warnings of GCC 12 about it: with sanitizers it takes members of the
// library's own temporaries for uninitialized (GCC bug 105616).
#pragma once

#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <regex>
#pragma GCC diagnostic pop
