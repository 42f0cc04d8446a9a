// What kernels have printed.
#pragma once

namespace refconv {

void flush_printed();  // to standard output, if there is anything

}  // namespace refconv
