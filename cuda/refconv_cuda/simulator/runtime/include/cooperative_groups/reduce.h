// CUDA's <cooperative_groups/reduce.h>: one value made of all members' values, for all members.
//
// They are combined in the order of the lanes. A GPU combines pairs, so that its sums of floats differ in the last bits.
#pragma once
#include "../cooperative_groups.h"

namespace cooperative_groups {

template <class T = void>
struct plus {
    T operator()(T a, T b) const { return a + b; }
};
template <class T = void>
struct less {
    T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T = void>
struct greater {
    T operator()(T a, T b) const { return a < b ? b : a; }
};
template <class T = void>
struct bit_and {
    T operator()(T a, T b) const { return a & b; }
};
template <class T = void>
struct bit_or {
    T operator()(T a, T b) const { return a | b; }
};
template <class T = void>
struct bit_xor {
    T operator()(T a, T b) const { return a ^ b; }
};

template <class Group, class T, class Operation>
inline T reduce(const Group& group, T value, Operation operation, REFCONV_HERE) {
    T values[32];
    unsigned present = group.gather(values, value, file, line);
    int first = __ffs(static_cast<int>(present)) - 1;
    T result = values[first];
    for (int i = first + 1; i < 32; ++i) {
        if (present >> i & 1) result = operation(result, values[i]);
    }
    return result;
}

}  // namespace cooperative_groups
