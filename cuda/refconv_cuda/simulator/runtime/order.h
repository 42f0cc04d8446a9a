// The order in which blocks, or the threads of a block, take their turns.
#pragma once
#include "abi.h"

namespace refconv {

// splitmix64 (Steele, Lea and Flood, 2014): one add and three mixes a number, and any seed will do.
class Random {
  public:
    explicit Random(uint64_t seed = 0) : state_(seed) {}

    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    // A number below n; n is far below 2^32, so the bias is far below anything that matters here.
    uint64_t below(uint64_t n) { return (next() >> 32) * n >> 32; }

  private:
    uint64_t state_;
};

template <class T>
void shuffle(T* items, T n, Random& random) {
    for (T i = n; i > 1; --i) {
        T j = static_cast<T>(random.below(i));
        T other = items[j];
        items[j] = items[i - 1];
        items[i - 1] = other;
    }
}

// Writes the numbers 0 .. n-1 to `turns` in a random order.
template <class T>
void arrange_at_random(T* turns, T n, Random& random) {
    for (T i = 0; i < n; ++i) turns[i] = i;
    shuffle(turns, n, random);
}

// Where the block or thread stands that has this number, counted with x fastest.
inline Index position(uint64_t number, const Index& shape) {
    return {unsigned(number % shape.x), unsigned(number / shape.x % shape.y), unsigned(number / shape.x / shape.y)};
}

}  // namespace refconv
