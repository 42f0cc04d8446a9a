// A word as two halves or four bytes, each computed with on its own: the most used of CUDA's SIMD intrinsics.
#pragma once
#include "integers.h"

namespace refconv {

// operation(part of a, part of b), cut off to the part's size, for each Part of the words.
template <class Part, class Operation>
inline unsigned each_part(unsigned a, unsigned b, Operation operation) {
    constexpr int size = 8 * sizeof(Part);
    constexpr unsigned mask = ~0u >> (32 - size);
    unsigned result = 0;
    for (int i = 0; i < 32; i += size) {
        result |= (static_cast<unsigned>(operation(Part(a >> i), Part(b >> i))) & mask) << i;
    }
    return result;
}

inline int plus(int a, int b) { return a + b; }
inline int minus(int a, int b) { return a - b; }
inline int distance(int a, int b) { return a < b ? b - a : a - b; }
inline int all_ones_if_equal(int a, int b) { return a == b ? -1 : 0; }

}  // namespace refconv

#define REFCONV_ON_PARTS(name, Part, operation) \
    inline unsigned name(unsigned a, unsigned b) { return refconv::each_part<Part>(a, b, refconv::operation); }
REFCONV_ON_PARTS(__vadd2, short, plus)
REFCONV_ON_PARTS(__vadd4, signed char, plus)
REFCONV_ON_PARTS(__vsub2, short, minus)
REFCONV_ON_PARTS(__vsub4, signed char, minus)
REFCONV_ON_PARTS(__vmins2, short, lesser_of<int>)
REFCONV_ON_PARTS(__vmins4, signed char, lesser_of<int>)
REFCONV_ON_PARTS(__vminu2, unsigned short, lesser_of<int>)
REFCONV_ON_PARTS(__vminu4, unsigned char, lesser_of<int>)
REFCONV_ON_PARTS(__vmaxs2, short, greater_of<int>)
REFCONV_ON_PARTS(__vmaxs4, signed char, greater_of<int>)
REFCONV_ON_PARTS(__vmaxu2, unsigned short, greater_of<int>)
REFCONV_ON_PARTS(__vmaxu4, unsigned char, greater_of<int>)
REFCONV_ON_PARTS(__vabsdiffu2, unsigned short, distance)
REFCONV_ON_PARTS(__vabsdiffu4, unsigned char, distance)
REFCONV_ON_PARTS(__vcmpeq2, short, all_ones_if_equal)
REFCONV_ON_PARTS(__vcmpeq4, signed char, all_ones_if_equal)
#undef REFCONV_ON_PARTS
