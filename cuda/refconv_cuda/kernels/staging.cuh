// How a thread fetches its share of a slice of A or B from global memory, kEach neighbours at a time.
//
// A stager fetches from one slice and moves on to the next: `fetch<kStep>(values)` fills kEach values and goes kStep
// terms further along the sum. What lies outside (padding, terms past the last, rows and columns past the tile's end) is
// zero, and no address outside an array is ever read. Where the neighbours lie decides between two kinds:
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

// Terms one after another, tap by tap, with `channels` terms each.
struct TermWalk {
    int channels;
    int m = 0, n = 0, channel = 0;

    __device__ explicit TermWalk(int channels) : channels(channels) {}
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

// Neighbours from a line on, which is null where they are zero.
template <typename Real, int kEach>
__device__ inline void fetch_vector(const Real* line, int first, Real (&values)[kEach]) {
    if (line != nullptr) {
        load_vector(line + first, values);
    } else {
        clear(values);
    }
}
template <typename Real>
__device__ inline Real fetch_element(const Real* line, int number) {
    return line != nullptr ? line[number] : Precision<Real>::store(0);
}

// Neighbours are terms of a line, which `Source` finds for each tap.
template <typename Real, int kEach, int kVector, typename Source>
struct AlongTerms {
    static constexpr bool kAlong = true;

    Source source;
    TermWalk walk;
    const Real* tap;  // the tap's first channel, null where it is zero

    // first: how many terms before this thread's share of the first slice.
    __device__ AlongTerms(const Source& source, int channels, int first)
        : source(source), walk(channels), tap(source.at(0, 0)) {
        move(first);
    }

    template <int kStep>
    __device__ void fetch(Real (&values)[kEach]) {
        if (kVector == kEach) {
            fetch_vector(tap, walk.channel, values);
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values[i] = fetch_element(tap, walk.channel);
                move(1);
            }
            move(kStep - kEach);
        }
    }

private:
    __device__ void move(int terms) {
        if (walk.move(terms, source.tap_columns())) tap = source.at(walk.m, walk.n);
    }
};

// The same for a line of A and one of B, which the same taps lead along: one walk for both saves registers.
template <typename Real, int kEach, int kVector, typename SourceA, typename SourceB>
struct PairAlongTerms {
    SourceA a;
    SourceB b;
    TermWalk walk;
    const Real *tap_a, *tap_b;

    __device__ PairAlongTerms(const SourceA& a, const SourceB& b, int channels, int first)
        : a(a), b(b), walk(channels), tap_a(a.at(0, 0)), tap_b(b.at(0, 0)) {
        move(first);
    }

    template <int kStep>
    __device__ void fetch(Real (&values_a)[kEach], Real (&values_b)[kEach]) {
        if (kVector == kEach) {
            fetch_vector(tap_a, walk.channel, values_a);
            fetch_vector(tap_b, walk.channel, values_b);
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values_a[i] = fetch_element(tap_a, walk.channel);
                values_b[i] = fetch_element(tap_b, walk.channel);
                move(1);
            }
            move(kStep - kEach);
        }
    }

private:
    __device__ void move(int terms) {
        if (!walk.move(terms, a.tap_columns())) return;
        tap_a = a.at(walk.m, walk.n);
        tap_b = b.at(walk.m, walk.n);
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

    template <int kStep>
    __device__ void fetch(Real (&values)[kEach]) {
        if (kVector == kEach) {
            if (rows_left > 0 && columns_left > 0) {
                load_vector(row, values);
            } else {
                clear(values);
            }
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                values[i] = rows_left > 0 && i < columns_left ? row[i] : Precision<Real>::store(0);
            }
        }
        row += static_cast<long long>(kStep) * row_size;
        rows_left -= kStep;
    }
};

// Neighbours are (tap, channel) rows of grad_weight's A, whose terms are output pixels.
template <typename Real, int kEach, int kVector>
struct PixelsOfTaps {
    static constexpr bool kAlong = false;

    const Problem& p;
    const Real* x_group;
    int first, rows;  // this thread's first row of A, of so many
    Tap tap;          // of `first`
    PixelWalk walk;
    int pixels_left;

    // The thread begins with output pixel `pixel`, of `pixels_left`, and goes `step` further with each slice.
    __device__ PixelsOfTaps(const Problem& p, const Real* x_group, int first, long long pixel, int pixels_left, int step)
        : p(p),
          x_group(x_group),
          first(first),
          rows(p.taps() * p.c_in_per_group()),
          tap(tap_of(first < rows ? first : 0, p.kernel_width, p.c_in_per_group())),
          walk(pixels_left > 0 ? pixel : 0, step, p.out_height, p.out_width),
          pixels_left(pixels_left) {}

    template <int kStep>
    __device__ void fetch(Real (&values)[kEach]) {
        if (kVector == kEach) {
            long long pixel = first < rows && pixels_left > 0 ? input_pixel(p, walk.pixel, tap) : -1;
            if (pixel >= 0) {
                load_vector(x_group + pixel * p.c_in + tap.channel, values);
            } else {
                clear(values);
            }
        } else {
            Tap each = tap;
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                bool exists = first + i < rows && pixels_left > 0;
                long long pixel = exists ? input_pixel(p, walk.pixel, each) : -1;
                values[i] = pixel < 0 ? Precision<Real>::store(0) : x_group[pixel * p.c_in + each.channel];
                if (++each.channel == p.c_in_per_group()) {
                    each.channel = 0;
                    if (++each.n == p.kernel_width) {
                        each.n = 0;
                        ++each.m;
                    }
                }
            }
        }
        walk.advance(p.out_height, p.out_width);
        pixels_left -= kStep;
    }
};

// The stagers of a thread's fetches: make(f) is that of fetch f.
template <typename Stager, int kFetches>
struct Stagers {
    using Kind = Stager;

    Stager stager;
    Stagers<Stager, kFetches - 1> others;

    template <typename Make>
    __device__ explicit Stagers(const Make& make, int f = 0) : stager(make(f)), others(make, f + 1) {}

    // The next slice's share: values of all fetches.
    template <int kStep, typename Real, int kEach>
    __device__ void fetch(Real (*values)[kEach]) {
        stager.template fetch<kStep>(values[0]);
        others.template fetch<kStep>(values + 1);
    }
};

template <typename Stager>
struct Stagers<Stager, 0> {
    template <typename Make>
    __device__ explicit Stagers(const Make&, int) {}
    template <int kStep, typename Real, int kEach>
    __device__ void fetch(Real (*)[kEach]) {}
};
