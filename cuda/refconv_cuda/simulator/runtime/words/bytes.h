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

inline unsigned __vadd2(unsigned a, unsigned b) { return refconv::each_part<short>(a, b, refconv::plus); }
inline unsigned __vadd4(unsigned a, unsigned b) { return refconv::each_part<signed char>(a, b, refconv::plus); }
inline unsigned __vsub2(unsigned a, unsigned b) { return refconv::each_part<short>(a, b, refconv::minus); }
inline unsigned __vsub4(unsigned a, unsigned b) { return refconv::each_part<signed char>(a, b, refconv::minus); }
inline unsigned __vmins2(unsigned a, unsigned b) { return refconv::each_part<short>(a, b, refconv::lesser_of<int>); }
inline unsigned __vmins4(unsigned a, unsigned b) { return refconv::each_part<signed char>(a, b, refconv::lesser_of<int>); }
inline unsigned __vminu2(unsigned a, unsigned b) { return refconv::each_part<ushort>(a, b, refconv::lesser_of<int>); }
inline unsigned __vminu4(unsigned a, unsigned b) { return refconv::each_part<unsigned char>(a, b, refconv::lesser_of<int>); }
inline unsigned __vmaxs2(unsigned a, unsigned b) { return refconv::each_part<short>(a, b, refconv::greater_of<int>); }
inline unsigned __vmaxs4(unsigned a, unsigned b) { return refconv::each_part<signed char>(a, b, refconv::greater_of<int>); }
inline unsigned __vmaxu2(unsigned a, unsigned b) { return refconv::each_part<ushort>(a, b, refconv::greater_of<int>); }
inline unsigned __vmaxu4(unsigned a, unsigned b) { return refconv::each_part<unsigned char>(a, b, refconv::greater_of<int>); }
inline unsigned __vabsdiffu2(unsigned a, unsigned b) { return refconv::each_part<ushort>(a, b, refconv::distance); }
inline unsigned __vabsdiffu4(unsigned a, unsigned b) { return refconv::each_part<unsigned char>(a, b, refconv::distance); }
inline unsigned __vcmpeq2(unsigned a, unsigned b) { return refconv::each_part<short>(a, b, refconv::all_ones_if_equal); }
inline unsigned __vcmpeq4(unsigned a, unsigned b) { return refconv::each_part<signed char>(a, b, refconv::all_ones_if_equal); }
