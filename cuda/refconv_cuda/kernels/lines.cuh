// Several lines of A, or of A and B, for a thread that fetches the same terms of each: one walk along the taps for all.
//
// Of a line only its base and the place where the current tap reads it are kept; m, n and the channel are shared. The
// larger a slice is, the more lines a thread has, and the more registers that saves.
#pragma once

#include "staging.cuh"

// Rows of A: pixels from which the taps lead on. image, row, column: as in GatheredPixel.
template <typename Real, int kCount_>
struct PixelLines {
    static constexpr int kCount = kCount_;

    int height, width, channels;
    const Taps& taps;
    const Real* image[kCount];
    int row[kCount], column[kCount];

    __device__ PixelLines(int height, int width, int channels, const Taps& taps)
        : height(height), width(width), channels(channels), taps(taps) {}
    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ const Real* at(int line, int m, int n) const {
        return GatheredPixel<Real>{image[line], row[line], column[line], height, width, channels, taps}.at(m, n);
    }
};

// Columns of grad_input's B. weights: as in WeightsOfTaps.
template <typename Real, int kCount_>
struct WeightLines {
    static constexpr int kCount = kCount_;

    int kernel_width, columns, channels;
    const Taps& taps;
    const Real* weights[kCount];

    __device__ WeightLines(int kernel_width, int columns, int channels, const Taps& taps)
        : kernel_width(kernel_width), columns(columns), channels(channels), taps(taps) {}
    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ const Real* at(int line, int m, int n) const {
        return WeightsOfTaps<Real>{weights[line], kernel_width, columns, channels, taps}.at(m, n);
    }
};

// Those of A, then those of B, which the same taps lead along.
template <typename LinesA, typename LinesB>
struct BothLines {
    static constexpr int kCount = LinesA::kCount + LinesB::kCount;

    LinesA a;
    LinesB b;

    __device__ int tap_columns() const { return a.tap_columns(); }
    __device__ auto at(int line, int m, int n) const {
        return line < LinesA::kCount ? a.at(line, m, n) : b.at(line - LinesA::kCount, m, n);
    }
};

// kVector: as for AlongTerms (staging.cuh).
template <typename Real, int kEach, int kVector, typename Lines>
struct LinesAlongTerms {
    Lines lines;
    TermWalk walk;
    const Real* tap[Lines::kCount];  // the tap's first channel in each line, null where it is zero

    // first: how many terms before this thread's share of the first slice.
    __device__ LinesAlongTerms(const Lines& lines, int channels, int first) : lines(lines), walk(channels) {
        look_up();
        move(first);
    }

    // This slice's share: kEach values of line l go to to(l). Then kStep terms further.
    template <int kStep, typename To>
    __device__ void fetch(const To& to) {
        if (kVector == kEach) {
#pragma unroll
            for (int l = 0; l < Lines::kCount; ++l) fetch_vector(tap[l], walk.channel, to(l));
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
#pragma unroll
                for (int l = 0; l < Lines::kCount; ++l) to(l)[i] = fetch_element(tap[l], walk.channel);
                move(1);
            }
            move(kStep - kEach);
        }
    }

private:
    __device__ void look_up() {
#pragma unroll
        for (int l = 0; l < Lines::kCount; ++l) tap[l] = lines.at(l, walk.m, walk.n);
    }
    __device__ void move(int terms) {
        if (walk.move(terms, lines.tap_columns())) look_up();
    }
};
