// PTX's mma.sync, ldmatrix and their kin: what a warp does to matrices that lie in its lanes' registers.
//
// Which elements a lane's registers hold, PTX lays down. With group = lane / 4 and mine = lane % 4, and E elements in a
// register of A and B (1 tf32 or double, 2 half or bfloat16, 4 bytes), element e of register r is
//
//     A (m x k):  row group + 8 (r % 2), or group where m is 8;  column mine E + e + 4 E (r / 2)
//     B (k x 8):  row mine E + e + 4 E r;                         column group
//     C and D (m x 8):  row group + 8 (r / 2);                    column 2 mine + r % 2
//     the same as half, 2 in a register:  row group + 8 r;        column 2 mine + e
//
// All lanes of the warp bring their registers; the first to go on computes for all of them. Sums are formed as in mma.h:
// in float, in the order of k, starting with C. (Products of half, bfloat16 and tf32 numbers are exact in float, unless they
// are out of its range.)
#pragma once
#include "address_spaces.h"
#include "index.h"
#include "ptx_memory.h"
#include "ptx_registers.h"
#include "stop.h"
#include "warp.h"

namespace refconv {
namespace ptx {

// The whole warp, at one instruction: what each lane brings is seen by the others until the first of them is done.
REFCONV_UNCHECKED inline void gather(Lanes& lanes, u64 brought, const char* file, int line) {
    exchange(lanes, 0xffffffff, at_place(line), brought, file, line);
    if (lanes.present != 0xffffffff) refconv_trap("an instruction of the whole warp in a warp of fewer than 32 threads", file, line);
}

// -- mma.sync ------------------------------------------------------------------------------------------------

// How a type lies in registers of A and B. Sum: what its products are added in.
template <class T>
struct Factor;
template <class Format>
struct NarrowFactor {
    using Register = b32;
    using Sum = float;
    static constexpr int kEach = 2;
    REFCONV_UNCHECKED static Sum value(Register bits, int e) { return Format::widen(static_cast<b16>(bits >> 16 * e)); }
};
template <>
struct Factor<f16> : NarrowFactor<f16> {};
template <>
struct Factor<bf16> : NarrowFactor<bf16> {};
struct tf32;
template <>
struct Factor<tf32> {
    using Register = b32;
    using Sum = float;
    static constexpr int kEach = 1;
    REFCONV_UNCHECKED static Sum value(Register bits, int) { return bits_as<float>(bits & 0xffffe000); }
};
template <>
struct Factor<f64> {
    using Register = f64;
    using Sum = double;
    static constexpr int kEach = 1;
    REFCONV_UNCHECKED static Sum value(Register number, int) { return number; }
};
template <class T>
struct ByteFactor {
    using Register = b32;
    using Sum = long long;  // room for any sum of int and 32 products
    static constexpr int kEach = 4;
    REFCONV_UNCHECKED static Sum value(Register bits, int e) { return static_cast<T>(bits >> 8 * e); }
};
template <>
struct Factor<u8> : ByteFactor<u8> {};
template <>
struct Factor<s8> : ByteFactor<s8> {};

// How a type lies in registers of C and D.
template <class T>
struct Accumulator {
    using Register = T;
    static constexpr int kEach = 1;
    template <class Sum>
    REFCONV_UNCHECKED static Sum value(Register number, int) {
        return static_cast<Sum>(number);
    }
    template <class Sum>
    REFCONV_UNCHECKED static void put(Register& number, int, Sum sum, bool) {
        number = static_cast<T>(sum);
    }
};
template <>
struct Accumulator<s32> {
    using Register = b32;
    static constexpr int kEach = 1;
    template <class Sum>
    REFCONV_UNCHECKED static Sum value(Register number, int) {
        return static_cast<s32>(number);
    }
    template <class Sum>
    REFCONV_UNCHECKED static void put(Register& number, int, Sum sum, bool saturate) {
        constexpr Sum lowest = -2147483648ll, highest = 2147483647ll;
        if (saturate) sum = sum < lowest ? lowest : sum > highest ? highest : sum;
        number = static_cast<b32>(sum);
    }
};
template <>
struct Accumulator<f16> {
    using Register = b32;
    static constexpr int kEach = 2;
    template <class Sum>
    REFCONV_UNCHECKED static Sum value(Register bits, int e) {
        return f16::widen(static_cast<b16>(bits >> 16 * e));
    }
    template <class Sum>
    REFCONV_UNCHECKED static void put(Register& bits, int e, Sum sum, bool) {
        b32 half = f16::narrow(sum);
        bits = e ? (bits & 0xffff) | half << 16 : (bits & 0xffff0000) | half;
    }
};

// The product of an m x k and a k x 8 matrix, added to C.
template <int m, int k, class Left, class Right, class T>
struct Product {
    using A = Factor<Left>;
    using B = Factor<Right>;
    using C = Accumulator<T>;
    using Sum = typename A::Sum;
    static constexpr int kA = m * k / 32 / A::kEach, kB = k * 8 / 32 / B::kEach, kC = m * 8 / 32 / C::kEach;

    // What one lane brings, and takes away.
    struct Lane {
        typename A::Register a[kA];
        typename B::Register b[kB];
        typename C::Register c[kC];
        bool done;
    };

    Sum a[m][k], b[k][8], sums[m][8];

    REFCONV_UNCHECKED static int row_of_c(int group, int r) { return group + (C::kEach == 2 ? 8 * r : 8 * (r / 2)); }
    REFCONV_UNCHECKED static int column_of_c(int mine, int r, int e) { return 2 * mine + (C::kEach == 2 ? e : r % 2); }

    REFCONV_UNCHECKED void take(const Lane& lane, int number) {
        int group = number / 4, mine = number % 4;
        for (int r = 0; r < kA; ++r) {
            int row = group + (m == 16 ? 8 * (r % 2) : 0), column = mine * A::kEach + 4 * A::kEach * (m == 16 ? r / 2 : r);
            for (int e = 0; e < A::kEach; ++e) a[row][column + e] = A::value(lane.a[r], e);
        }
        for (int r = 0; r < kB; ++r) {
            int row = mine * B::kEach + 4 * B::kEach * r;
            for (int e = 0; e < B::kEach; ++e) b[row + e][group] = B::value(lane.b[r], e);
        }
        for (int r = 0; r < kC; ++r) {
            for (int e = 0; e < C::kEach; ++e) {
                sums[row_of_c(group, r)][column_of_c(mine, r, e)] = C::template value<Sum>(lane.c[r], e);
            }
        }
    }
    REFCONV_UNCHECKED void multiply() {
        for (int row = 0; row < m; ++row) {
            for (int i = 0; i < k; ++i) {
                for (int column = 0; column < 8; ++column) sums[row][column] += a[row][i] * b[i][column];
            }
        }
    }
    REFCONV_UNCHECKED void give(Lane& lane, int number, bool saturate) const {
        int group = number / 4, mine = number % 4;
        for (int r = 0; r < kC; ++r) {
            for (int e = 0; e < C::kEach; ++e) {
                C::put(lane.c[r], e, sums[row_of_c(group, r)][column_of_c(mine, r, e)], saturate);
            }
        }
        lane.done = true;
    }
    REFCONV_UNCHECKED static void of_all(const Lanes& lanes, bool saturate) {
        Product product;
        for (int i = 0; i < 32; ++i) product.take(*reinterpret_cast<Lane*>(lanes.word[i]), i);
        product.multiply();
        for (int i = 0; i < 32; ++i) product.give(*reinterpret_cast<Lane*>(lanes.word[i]), i, saturate);
    }
};

template <int m, int k, class Left, class Right, class T, int a_count, int b_count, class RegisterA, class RegisterC,
          int c_count>
REFCONV_UNCHECKED inline Pack<RegisterC, c_count> mma(const RegisterA (&a)[a_count], const RegisterA (&b)[b_count],
                                                      const RegisterC (&c)[c_count], bool saturate, REFCONV_HERE) {
    using Warp = Product<m, k, Left, Right, T>;
    static_assert(a_count == Warp::kA && b_count == Warp::kB && c_count == Warp::kC, "the table has other counts");
    typename Warp::Lane mine;
    __builtin_memcpy(mine.a, a, sizeof a);
    __builtin_memcpy(mine.b, b, sizeof b);
    __builtin_memcpy(mine.c, c, sizeof c);
    mine.done = false;
    Lanes lanes;
    gather(lanes, reinterpret_cast<u64>(&mine), file, line);
    if (!mine.done) Warp::of_all(lanes, saturate);
    Pack<RegisterC, c_count> result;
    __builtin_memcpy(result.of, mine.c, sizeof mine.c);
    return result;
}

// -- ldmatrix and stmatrix -----------------------------------------------------------------------------------

// A row of 8 elements, whose address one lane has; and what the lane is to get.
template <int count>
struct Rows {
    b16 row[8];
    b32 got[count];
    bool done;
};

// Lane 8 i + j brings row j of matrix i. Register i of a lane is of matrix i: two neighbours in row `group`, or if
// transposed in column `group`.
template <int count, bool transposed>
REFCONV_UNCHECKED inline void distribute(const Lanes& lanes) {
    const Rows<count>* rows[32];
    for (int i = 0; i < 32; ++i) rows[i] = reinterpret_cast<const Rows<count>*>(lanes.word[i]);
    for (int i = 0; i < 32; ++i) {
        Rows<count>& lane = *reinterpret_cast<Rows<count>*>(lanes.word[i]);
        int group = i / 4, pair = 2 * (i % 4);
        for (int matrix = 0; matrix < count; ++matrix) {
            const Rows<count>* const* of = rows + 8 * matrix;
            b32 first = transposed ? of[pair]->row[group] : of[group]->row[pair];
            b32 second = transposed ? of[pair + 1]->row[group] : of[group]->row[pair + 1];
            lane.got[matrix] = first | second << 16;
        }
        lane.done = true;
    }
}
template <int count, bool transposed>
REFCONV_UNCHECKED inline Pack<b32, count> exchange_rows(Word<16>::type row, const char* file, int line) {
    Rows<count> mine;
    __builtin_memcpy(mine.row, &row, sizeof row);
    mine.done = false;
    Lanes lanes;
    gather(lanes, reinterpret_cast<u64>(&mine), file, line);
    if (!mine.done) distribute<count, transposed>(lanes);
    Pack<b32, count> result;
    __builtin_memcpy(result.of, mine.got, sizeof mine.got);
    return result;
}

// A lane whose address is of no row is not asked for it.
template <int count, bool transposed>
inline __forceinline__ Pack<b32, count> ldmatrix(SharedAddress address, REFCONV_HERE) {
    Word<16>::type row = {};
    if (lane() < 8 * count) row = *aligned<16>(address.bytes(16, file, line), file, line);
    return exchange_rows<count, transposed>(row, file, line);
}

// The way back: the row that the lane's address is for, out of everybody's registers.
template <int count, bool transposed>
REFCONV_UNCHECKED inline Word<16>::type collect_row(const b32 (&registers)[count], const char* file, int line) {
    struct Brought {
        b32 of[count];
        b16 row[8];
        bool done;
    } mine = {};
    __builtin_memcpy(mine.of, registers, sizeof mine.of);
    Lanes lanes;
    gather(lanes, reinterpret_cast<u64>(&mine), file, line);
    for (int i = 0; !mine.done && i < 8 * count; ++i) {
        Brought& lane = *reinterpret_cast<Brought*>(lanes.word[i]);
        for (int j = 0; j < 8; ++j) {
            int row = transposed ? j : i % 8, column = transposed ? i % 8 : j;
            const Brought& owner = *reinterpret_cast<Brought*>(lanes.word[4 * row + column / 2]);
            lane.row[j] = static_cast<b16>(owner.of[i / 8] >> 16 * (column % 2));
        }
    }
    for (int i = 0; !mine.done && i < 32; ++i) {
        Brought& lane = *reinterpret_cast<Brought*>(lanes.word[i]);
        if (&lane != &mine) lane.done = true;
    }
    Word<16>::type row;
    __builtin_memcpy(&row, mine.row, sizeof row);
    return row;
}
template <int count, bool transposed>
inline __forceinline__ void stmatrix(SharedAddress address, const b32 (&registers)[count], REFCONV_HERE) {
    Word<16>::type row = collect_row<count, transposed>(registers, file, line);
    if (lane() < 8 * count) *aligned<16>(address.bytes(16, file, line), file, line) = row;
}

// A matrix transposed, from registers to registers.
REFCONV_UNCHECKED inline b32 movmatrix(b32 mine, REFCONV_HERE) {
    Lanes lanes;
    gather(lanes, mine, file, line);
    unsigned self = lane(), group = self / 4, pair = 2 * (self % 4);
    auto element = [&](unsigned row, unsigned column) {
        return static_cast<b32>(lanes.word[4 * row + column / 2] >> 16 * (column % 2)) & 0xffff;
    };
    return element(pair, group) | element(pair + 1, group) << 16;
}

}  // namespace ptx
}  // namespace refconv
