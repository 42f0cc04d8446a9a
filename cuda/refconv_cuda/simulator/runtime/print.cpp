// printf for kernels: what they print stands in order with what Python prints, and no signal leaves the C library's lock
// taken.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "block.h"
#include "print.h"

namespace refconv {

namespace {

volatile bool printed;

}  // namespace

void flush_printed() {
    if (printed) fflush(stdout);
    printed = false;
}

}  // namespace refconv

// The name is the C library's: that is what kernels call, whatever header they have it from.
extern "C" __attribute__((visibility("hidden"))) int refconv_printf(const char* format, ...) asm("printf");

int refconv_printf(const char* format, ...) {
    // Written out first, on the thread's own account: a bad argument is a fault, with no lock taken.
    char line[512];
    char* text = line;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(line, sizeof line, format, arguments);
    refconv::Undisturbed undisturbed;
    if (size >= static_cast<int>(sizeof line)) {
        text = static_cast<char*>(malloc(size + 1));
        if (text) vsnprintf(text, size + 1, format, again);
    }
    va_end(again);
    va_end(arguments);
    if (size > 0 && text) fwrite(text, 1, size, stdout);
    if (text != line) free(text);
    refconv::printed = true;
    return size;
}
