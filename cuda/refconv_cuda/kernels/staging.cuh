// How a thread fetches its share of a slice of A or B from global memory, kEach neighbours at a time.
//
// A stager fetches from one slice and moves on to the next: `fetch<kStep>(values)` fills kEach values and goes kStep
// terms further along the sum. What lies outside (padding, terms past the last, rows and columns past the tile's end) is
// zero, and no address outside an array is ever read. `next<kStep>()` only says where the neighbours are, for one who
// moves them by other means, and goes on likewise. Where they lie decides between two kinds:
//
//     along the terms        A of forward and grad_input, B of grad_input: NHWC and HWIO have the channel last
//     across the terms       B of forward, both of grad_weight: neighbours are rows or columns of C
//
// kVector: kEach where channels and addresses allow for vector accesses (then a vector never straddles two taps, nor
// the end of a row), else 1, and each element is looked up by itself.
#pragma once

#include "gather.cuh"
#include "vector.cuh"

template <typename Real, int kEach>
__device__ inline void clear(Real (&values)[kEach]) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) values[i] = Precision<Real>::store(0);
}

// Where neighbours are that are moved together; unless they exist, they are zeros and `from` is not to be read.
template <typename Real>
struct Neighbours {
    const Real* from;
    bool exist;

    template <typename Values>
    __device__ void fetch(Values& values) const {
        if (exist) {
            load_vector(from, values);
        } else {
            clear(values);
        }
    }
};

// Terms one after another, tap by tap, with `channels` terms each. Count: int, or const int& for one in shared memory.
template <typename Count>
struct TermWalkOf {
    Count channels;
    int m = 0, n = 0, channel = 0;

    __device__ explicit TermWalkOf(Count channels) : channels(channels) {}
    // So many terms further; whether that led to another tap. It does once in `channels` terms; all other steps are
    // one addition.
    __device__ bool move(int terms, int tap_columns) {
        channel += terms;
        if (channel < channels) return false;
        do {
            channel -= channels;
            if (++n == tap_columns) {
                n = 0;
                ++m;
            }
        } while (channel >= channels);
        return true;
    }
};
using TermWalk = TermWalkOf<int>;

// Neighbours of a line of an operand that begins at an offset, or zeros where that is negative.
template <typename Real>
__device__ inline Neighbours<Real> neighbours(const Real* operand, long long offset, int channel) {
    return {operand + (offset + channel), offset >= 0};
}
template <typename Real>
__device__ inline Real line_element(const Real* operand, long long offset, int channel) {
    return offset < 0 ? Precision<Real>::store(0) : operand[offset + channel];
}

// Neighbours are terms of a line of `operand`, which `Source` finds for each tap.
template <typename Real, int kEach, int kVector, typename Source>
struct AlongTerms {
    static constexpr bool kAlong = true;

    const Real* operand;
    Source source;
    TermWalk walk;
    long long line;

    // first: how many terms before this thread's share of the first slice.
    __device__ AlongTerms(const Real* operand, const Source& source, int channels, int first)
        : operand(operand), source(source), walk(channels), line(source.at(0, 0)) {
        move(first);
    }

    template <int kStep>
    __device__ void fetch(Real (&values)[kEach]) {
        if (kVector == kEach) {
            neighbours(operand, line, walk.channel).fetch(values);
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values[i] = line_element(operand, line, walk.channel);
                move(1);
            }
            move(kStep - kEach);
        }
    }

private:
    __device__ void move(int terms) {
        if (walk.move(terms, source.tap_columns())) line = source.at(walk.m, walk.n);
    }
};

// Where a line of A and one of B begin; one 128-bit access.
struct alignas(16) LinePair {
    long long a, b;
};

// The same for a line of A and one of B, which the same taps lead along. One walk leads along both; `lines`, and
// what the references refer to, lie in shared memory: that saves the registers that would otherwise be spilled.
template <typename Real, int kEach, int kVector, typename SourceA, typename SourceB>
struct PairAlongTerms {
    const Real *operand_a, *operand_b;
    SourceA a;
    SourceB b;
    TermWalkOf<const int&> walk;
    LinePair& lines;

    __device__ PairAlongTerms(const Real* operand_a, const SourceA& a, const Real* operand_b, const SourceB& b,
                              const int& channels, int first, LinePair& lines)
        : operand_a(operand_a), operand_b(operand_b), a(a), b(b), walk(channels), lines(lines) {
        lines = {a.at(0, 0), b.at(0, 0)};
        move(first);
    }

    template <int kStep>
    __device__ void fetch(Real (&values_a)[kEach], Real (&values_b)[kEach]) {
        if (kVector == kEach) {
            LinePair now = lines;
            neighbours(operand_a, now.a, walk.channel).fetch(values_a);
            neighbours(operand_b, now.b, walk.channel).fetch(values_b);
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values_a[i] = line_element(operand_a, lines.a, walk.channel);
                values_b[i] = line_element(operand_b, lines.b, walk.channel);
                move(1);
            }
            move(kStep - kEach);
        }
    }

private:
    __device__ void move(int terms) {
        if (walk.move(terms, a.tap_columns())) lines = {a.at(walk.m, walk.n), b.at(walk.m, walk.n)};
    }
};

// Neighbours are columns of a matrix whose rows are the terms.
template <typename Real, int kEach, int kVector>
struct MatrixRows {
    static constexpr bool kAlong = false;

    const Real* row;   // at this thread's first column; its row may not exist
    int row_size;      // elements from a row to the next
    int rows_left;     // from this one on
    int columns_left;  // from this thread's first one on

    // Of columns that do not exist no row does, either: where they are moved together, that is all there is to ask.
    __device__ MatrixRows(const Real* row, int row_size, int rows_left, int columns_left)
        : row(row),
          row_size(row_size),
          rows_left(kVector == kEach && columns_left <= 0 ? 0 : rows_left),
          columns_left(columns_left) {}

    template <int kStep, typename Values>
    __device__ void fetch(Values& values) {
        if (kVector == kEach) {
            here().fetch(values);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values[i] = rows_left > 0 && i < columns_left ? row[i] : Precision<Real>::store(0);
            }
        }
        move<kStep>();
    }
    template <int kStep>
    __device__ Neighbours<Real> next() {
        Neighbours<Real> found = here();
        move<kStep>();
        return found;
    }

private:
    __device__ Neighbours<Real> here() const { return {row, rows_left > 0}; }
    template <int kStep>
    __device__ void move() {
        row += static_cast<long long>(kStep) * row_size;
        rows_left -= kStep;
    }
};

// A (tap, channel) row of grad_weight's A: how far from a pixel's base it reads, and which channel of all groups.
struct TapRow {
    int dy, dx, channel;
};
__device__ inline TapRow tap_row(const Problem& p, const Tap& tap, int group) {
    return {tap.m * p.dilation_height - p.pad_top, tap.n * p.dilation_width - p.pad_left,
            group * p.c_in_per_group() + tap.channel};
}

// Neighbours are (tap, channel) rows of grad_weight's A, whose terms are output pixels.
template <typename Real, int kEach, int kVector>
struct PixelsOfTaps {
    static constexpr bool kAlong = false;

    const Problem& p;
    const Real* x;
    const TapRow& row;  // this thread's first one; it may lie in shared memory
    int rows_left;      // from that one on
    int group;
    Tap tap;  // of that row
    PixelWalk walk;
    int pixels_left;

    // first: this thread's first row of A, of which `row` becomes the tap_row. The thread begins with output pixel
    // `pixel`, of `pixels_left`, and goes `step` further with each slice.
    __device__ PixelsOfTaps(const Problem& p, const Real* x, TapRow& row, int group, int first, long long pixel,
                            int pixels_left, const Pixel& step)
        : p(p),
          x(x),
          row(row),
          rows_left(p.taps() * p.c_in_per_group() - first),
          group(group),
          tap(tap_of(rows_left > 0 ? first : 0, p.kernel_width, p.c_in_per_group())),
          walk{pixel_of(pixels_left > 0 ? pixel : 0, p.out_height, p.out_width), step},
          pixels_left(kVector == kEach && rows_left <= 0 ? 0 : pixels_left) {
        row = tap_row(p, tap, group);
    }

    template <int kStep, typename Values>
    __device__ void fetch(Values& values) {
        if (kVector == kEach) {
            here().fetch(values);
        } else {
            Tap each = tap;
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                long long element = pixels_left > 0 && i < rows_left ? at(tap_row(p, each, group)) : kNowhere;
                values[i] = element < 0 ? Precision<Real>::store(0) : x[element];
                if (++each.channel == p.c_in_per_group()) {
                    each.channel = 0;
                    if (++each.n == p.kernel_width) {
                        each.n = 0;
                        ++each.m;
                    }
                }
            }
        }
        move<kStep>();
    }
    template <int kStep>
    __device__ Neighbours<Real> next() {
        Neighbours<Real> found = here();
        move<kStep>();
        return found;
    }

private:
    __device__ Neighbours<Real> here() const {
        long long element = pixels_left > 0 ? at(row) : kNowhere;
        return {x + element, element >= 0};
    }
    template <int kStep>
    __device__ void move() {
        walk.advance(p.out_height, p.out_width);
        pixels_left -= kStep;
    }
    // The element of X that a row reads at the pixel where the walk is, kNowhere where that is padding.
    __device__ long long at(const TapRow& row) const {
        int u = walk.pixel.row * p.stride_height + row.dy, v = walk.pixel.column * p.stride_width + row.dx;
        if (u < 0 || u >= p.height || v < 0 || v >= p.width) return kNowhere;
        long long pixel = static_cast<long long>(walk.pixel.image) * (p.height * p.width) + u * p.width + v;
        return pixel * p.c_in + row.channel;
    }
};

// The stagers of a thread's fetches: make(f) is that of fetch f.
template <typename Stager, int kFetches>
struct Stagers {
    Stager stager;
    Stagers<Stager, kFetches - 1> others;

    template <typename Make>
    __device__ explicit Stagers(const Make& make, int f = 0) : stager(make(f)), others(make, f + 1) {}

    // The next slice's share: values of all fetches.
    template <int kStep, typename Values>
    __device__ void fetch(Values* values) {
        stager.template fetch<kStep>(values[0]);
        others.template fetch<kStep>(values + 1);
    }
    // Where they are: those of fetch f for to(f, neighbours).
    template <int kStep, typename To>
    __device__ void next(const To& to, int f = 0) {
        to(f, stager.template next<kStep>());
        others.template next<kStep>(to, f + 1);
    }
};

template <typename Stager>
struct Stagers<Stager, 0> {
    template <typename Make>
    __device__ explicit Stagers(const Make&, int) {}
    template <int kStep, typename Values>
    __device__ void fetch(Values*) {}
    template <int kStep, typename To>
    __device__ void next(const To&, int) {}
};
