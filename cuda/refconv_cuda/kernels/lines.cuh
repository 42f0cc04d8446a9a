// Several lines of A, or of A and B, for a thread that fetches the same terms of each: one walk along the taps for all.
//
// Of a line a thread keeps only where the current tap reads it; m, n and the channel are shared, and where the lines
// begin lies in shared memory. The larger a slice is, the more lines a thread has, and the more registers that saves.
#pragma once

#include "packed.cuh"
#include "staging.cuh"

// Rows of A, `kApart` apart in the tile: pixels from which the taps lead on. bases: of the tile's rows, from the
// thread's first one on.
template <typename Real, int kCount_, int kApart>
struct PixelLines {
    static constexpr int kCount = kCount_;

    const Real* image;
    const PixelBase* bases;
    int height, width, channels;  // as in GatheredPixel
    const Taps& taps;

    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ const Real* operand(int) const { return image; }
    __device__ long long at(int line, int m, int n) const {
        return GatheredPixel{bases[line * kApart], height, width, channels, taps}.at(m, n);
    }
};

// Columns of grad_input's B likewise. bases: as WeightsOfTaps has it.
template <typename Real, int kCount_, int kApart>
struct WeightLines {
    static constexpr int kCount = kCount_;

    const Real* weights;
    const long long* bases;
    const int& columns;
    int kernel_width, channels;
    const Taps& taps;

    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ const Real* operand(int) const { return weights; }
    __device__ long long at(int line, int m, int n) const {
        return WeightsOfTaps{bases[line * kApart], columns, kernel_width, channels, taps}.at(m, n);
    }
};

// Those of A, then those of B, which the same taps lead along.
template <typename LinesA, typename LinesB>
struct BothLines {
    static constexpr int kCount = LinesA::kCount + LinesB::kCount;

    LinesA a;
    LinesB b;

    __device__ int tap_columns() const { return a.tap_columns(); }
    __device__ auto operand(int line) const { return line < LinesA::kCount ? a.operand(line) : b.operand(line); }
    __device__ long long at(int line, int m, int n) const {
        return line < LinesA::kCount ? a.at(line, m, n) : b.at(line - LinesA::kCount, m, n);
    }
};

// kVector: as for AlongTerms (staging.cuh).
template <int kEach, int kVector, typename Lines>
struct LinesAlongTerms {
    Lines lines;
    TermWalk walk;
    long long line[Lines::kCount];  // where the tap reads each, negative where it is zero

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
            for (int l = 0; l < Lines::kCount; ++l) neighbours(lines.operand(l), line[l], walk.channel).fetch(to(l));
            move(kStep);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
#pragma unroll
                for (int l = 0; l < Lines::kCount; ++l) {
                    to(l)[i] = line_element(lines.operand(l), line[l], walk.channel);
                }
                move(1);
            }
            move(kStep - kEach);
        }
    }
    // Where this slice's share is: that of line l for to(l, neighbours).
    template <int kStep, typename To>
    __device__ void next(const To& to) {
#pragma unroll
        for (int l = 0; l < Lines::kCount; ++l) to(l, neighbours(lines.operand(l), line[l], walk.channel));
        move(kStep);
    }

private:
    __device__ void look_up() {
#pragma unroll
        for (int l = 0; l < Lines::kCount; ++l) line[l] = lines.at(l, walk.m, walk.n);
    }
    __device__ void move(int terms) {
        if (walk.move(terms, lines.tap_columns())) look_up();
    }
};
