// A place in the source.
#pragma once
#include "words/qualifiers.h"

namespace refconv {

struct Place {
    const char* file;
    int position;  // the line, and above its bits the column

    int line() const { return position & ((1 << REFCONV_LINE_BITS) - 1); }
};

}  // namespace refconv
