// CUDA's <mma.h>: matrix products by a whole warp, D = A B + C.
//
// A fragment is one lane's share of a matrix. Which elements it holds, CUDA leaves open; here the matrix is cut, row
// by row, into 32 equal pieces, whatever its layout in memory. Lanes run one at a time in one address space, so each
// shows the others its pieces of A and B, and computes its own piece of D from them.
//
// Products of half, bfloat16 and TF32 numbers are exact in float. They are summed in float, in the order of k, starting
// with C; a tensor core sums in another order, and rounds partial sums in ways of its own. Sums of small integers
// agree; other sums agree within the usual error bounds.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda {
namespace wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;  // a float whose last 13 bits do not count
}

}  // namespace wmma
}  // namespace nvcuda

namespace refconv {

// T: what a fragment's type says that its elements are. Element: what they are stored as. Sum: what they are computed
// in.
template <class T>
struct MatrixElement;
template <>
struct MatrixElement<__half> {
    using Element = __half;
    using Sum = float;
    static Sum value(Element x) { return x; }
};
template <>
struct MatrixElement<__nv_bfloat16> {
    using Element = __nv_bfloat16;
    using Sum = float;
    static Sum value(Element x) { return x; }
};
template <>
struct MatrixElement<nvcuda::wmma::precision::tf32> {
    using Element = float;
    using Sum = float;
    static Sum value(Element x) { return __uint_as_float(__float_as_uint(x) & 0xffffe000); }
};
template <class T>
struct MatrixInteger {
    using Element = T;
    using Sum = long long;  // room for any sum of int and 16 products
    static Sum value(Element x) { return x; }
};
template <>
struct MatrixElement<signed char> : MatrixInteger<signed char> {};
template <>
struct MatrixElement<unsigned char> : MatrixInteger<unsigned char> {};
template <>
struct MatrixElement<double> {
    using Element = double;
    using Sum = double;
    static Sum value(Element x) { return x; }
};
// Accumulators only:
template <>
struct MatrixElement<float> {
    using Element = float;
};
template <>
struct MatrixElement<int> {
    using Element = int;
};

// The shapes m x n x k that there are for elements T of A and B.
template <class T>
constexpr bool matrix_shape_exists(int m, int n, int k) {
    using nvcuda::wmma::precision::tf32;
    if (is_same<T, tf32>) return m == 16 && n == 16 && k == 8;
    if (is_same<T, double>) return m == 8 && n == 8 && k == 4;
    return k == 16 && ((m == 16 && n == 16) || (m == 32 && n == 8) || (m == 8 && n == 32));
}

// How a matrix of this size is shared out: element e of lane l is number l kEach + e, counted row by row.
template <int rows, int columns>
struct Shares {
    static constexpr int kRows = rows, kColumns = columns, kEach = rows * columns / 32;

    static int row(int lane, int element) { return (lane * kEach + element) / columns; }
    static int column(int lane, int element) { return (lane * kEach + element) % columns; }
    static int lane_of(int row, int column) { return (row * columns + column) / kEach; }
    static int element_of(int row, int column) { return (row * columns + column) % kEach; }
};
template <class Use, int m, int n, int k>
struct SharesOf : Shares<m, n> {};
template <int m, int n, int k>
struct SharesOf<nvcuda::wmma::matrix_a, m, n, k> : Shares<m, k> {};
template <int m, int n, int k>
struct SharesOf<nvcuda::wmma::matrix_b, m, n, k> : Shares<k, n> {};

// Every lane of the warp must come, with the same word.
REFCONV_UNCHECKED inline void gather_warp(Lanes& lanes, Collective operation, unsigned long long word, bool same,
                                          const char* file, int line) {
    exchange(lanes, 0xffffffff, operation, word, file, line);
    if (lanes.present != 0xffffffff) refconv_trap("a wmma function in a warp of fewer than 32 threads", file, line);
    for (int i = 0; same && i < 32; ++i) {
        if (lanes.word[i] != word) refconv_trap("a wmma function that lanes of a warp call differently", file, line);
    }
}
REFCONV_UNCHECKED inline void check_access(Collective operation, const void* matrix, unsigned ldm, int size,
                                           const char* file, int line) {
    if (ldm * size % 16 != 0) refconv_trap("a wmma function whose ldm is not a multiple of 16 bytes", file, line);
    Lanes lanes;
    gather_warp(lanes, operation, reinterpret_cast<unsigned long long>(matrix), true, file, line);
}

// One lane's pieces of A and B, as the others see them.
template <class Sum, int a_each, int b_each>
struct Operands {
    Sum a[a_each], b[b_each];
};

// sums: in, this lane's piece of C; out, that of D.
template <int m, int n, int k, class Sum, int each, class Mine>
REFCONV_UNCHECKED inline void multiply(Sum (&sums)[each], const Mine& mine, const char* file, int line) {
    using A = Shares<m, k>;
    using B = Shares<k, n>;
    using D = Shares<m, n>;
    Lanes lanes;
    gather_warp(lanes, kMatrixOperands, reinterpret_cast<unsigned long long>(&mine), false, file, line);
    const Mine* theirs[32];
    for (int i = 0; i < 32; ++i) theirs[i] = reinterpret_cast<const Mine*>(lanes.word[i]);

    int self = static_cast<int>(lane());
    int row = D::row(self, 0), first_column = D::column(self, 0);  // one row: no piece is longer than that
    // So many neighbours in a row of B belong to one lane.
    constexpr int run = each < B::kEach ? each : B::kEach;
    for (int i = 0; i < k; ++i) {
        Sum left = theirs[A::lane_of(row, i)]->a[A::element_of(row, i)];
        for (int e = 0; e < each; e += run) {
            int column = first_column + e;
            const Sum* right = &theirs[B::lane_of(i, column)]->b[B::element_of(i, column)];
            for (int r = 0; r < run; ++r) sums[e + r] += left * right[r];
        }
    }
    // Nobody goes on, and overwrites its pieces, before all have read them.
    gather_warp(lanes, kMatrixDone, 0, true, file, line);
}

// A sum as an element of D. Integers wrap around, or are brought into range.
template <class T, class Sum>
inline T matrix_result(Sum sum, bool saturate) {
    if constexpr (is_same<T, int>) {
        constexpr Sum lowest = -2147483648ll, highest = 2147483647ll;
        if (saturate) sum = sum < lowest ? lowest : sum > highest ? highest : sum;
    }
    return static_cast<T>(sum);
}

}  // namespace refconv

namespace nvcuda {
namespace wmma {

template <class Use, int m, int n, int k, class T, class Layout = void>
class fragment {
    using Shares = refconv::SharesOf<Use, m, n, k>;

  public:
    using element_type = T;
    using storage_element_type = typename refconv::MatrixElement<T>::Element;
    static constexpr int num_elements = Shares::kEach;
    static constexpr int num_storage_elements = Shares::kEach;
    storage_element_type x[num_elements];

    static_assert(refconv::is_same<Use, accumulator> || refconv::matrix_shape_exists<T>(m, n, k),
                  "wmma has no fragments of this shape and element type");
    static_assert(refconv::is_same<Use, accumulator> == refconv::is_same<Layout, void>,
                  "fragments of matrix_a and matrix_b have a layout, accumulators none");
};

template <class Use, int m, int n, int k, class T, class Layout>
inline void fill_fragment(fragment<Use, m, n, k, T, Layout>& matrix,
                          typename fragment<Use, m, n, k, T, Layout>::storage_element_type value) {
    for (auto& element : matrix.x) element = value;
}

// -- loads and stores: element (i, j) is p[i ldm + j] in row-major order, p[i + j ldm] in column-major ---------

template <class Use, int m, int n, int k, class T, class Layout, class Element>
inline void load_matrix_sync(fragment<Use, m, n, k, T, Layout>& matrix, const Element* p, unsigned ldm, REFCONV_HERE) {
    static_assert(sizeof(Element) == sizeof(matrix.x[0]), "the fragment and the memory hold different types");
    using Shares = refconv::SharesOf<Use, m, n, k>;
    refconv::check_access(refconv::kMatrixLoad, p, ldm, sizeof(Element), file, line);
    int lane = static_cast<int>(refconv::lane());
    for (int e = 0; e < Shares::kEach; ++e) {
        unsigned i = Shares::row(lane, e), j = Shares::column(lane, e);
        matrix.x[e] = p[refconv::is_same<Layout, row_major> ? i * ldm + j : i + j * ldm];
    }
}

template <int m, int n, int k, class T>
inline void load_matrix_sync(fragment<accumulator, m, n, k, T>& matrix, const T* p, unsigned ldm, layout_t layout,
                             REFCONV_HERE) {
    using Shares = refconv::Shares<m, n>;
    refconv::check_access(refconv::kMatrixLoad, p, ldm, sizeof(T), file, line);
    int lane = static_cast<int>(refconv::lane());
    for (int e = 0; e < Shares::kEach; ++e) {
        unsigned i = Shares::row(lane, e), j = Shares::column(lane, e);
        matrix.x[e] = p[layout == mem_row_major ? i * ldm + j : i + j * ldm];
    }
}

template <int m, int n, int k, class T>
inline void store_matrix_sync(T* p, const fragment<accumulator, m, n, k, T>& matrix, unsigned ldm, layout_t layout,
                              REFCONV_HERE) {
    using Shares = refconv::Shares<m, n>;
    refconv::check_access(refconv::kMatrixStore, p, ldm, sizeof(T), file, line);
    int lane = static_cast<int>(refconv::lane());
    for (int e = 0; e < Shares::kEach; ++e) {
        unsigned i = Shares::row(lane, e), j = Shares::column(lane, e);
        p[layout == mem_row_major ? i * ldm + j : i + j * ldm] = matrix.x[e];
    }
}

// -- the product ---------------------------------------------------------------------------------------------

template <int m, int n, int k, class T, class LayoutA, class LayoutB, class C, class D>
REFCONV_UNCHECKED inline void mma_sync(fragment<accumulator, m, n, k, D>& d,
                                       const fragment<matrix_a, m, n, k, T, LayoutA>& a,
                                       const fragment<matrix_b, m, n, k, T, LayoutB>& b,
                                       const fragment<accumulator, m, n, k, C>& c, bool saturate = false,
                                       REFCONV_HERE) {
    using Element = refconv::MatrixElement<T>;
    using Sum = typename Element::Sum;
    constexpr int a_each = refconv::Shares<m, k>::kEach, b_each = refconv::Shares<k, n>::kEach;
    constexpr int c_each = refconv::Shares<m, n>::kEach;
    refconv::Operands<Sum, a_each, b_each> mine;
    for (int i = 0; i < a_each; ++i) mine.a[i] = Element::value(a.x[i]);
    for (int i = 0; i < b_each; ++i) mine.b[i] = Element::value(b.x[i]);
    Sum sums[c_each];
    for (int i = 0; i < c_each; ++i) sums[i] = static_cast<Sum>(c.x[i]);
    refconv::multiply<m, n, k>(sums, mine, file, line);
    for (int i = 0; i < c_each; ++i) d.x[i] = refconv::matrix_result<D>(sums[i], saturate);
}

// To 10 fraction bits, the nearest, and of two equally near the one farther from zero.
inline float __float_to_tf32(float x) {
    if (x != x) return __uint_as_float(0x7fffffff);
    if (isinf(x)) return x;
    return __uint_as_float((__float_as_uint(x) + 0x1000) & 0xffffe000);
}

}  // namespace wmma
}  // namespace nvcuda
