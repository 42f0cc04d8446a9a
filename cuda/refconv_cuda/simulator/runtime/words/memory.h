// Loads and stores with a hint for the cache. Here there is nothing to hint at: they are plain, and the checker sees
// them as it sees any other.
#pragma once
#include "qualifiers.h"

template <class T> inline T __ldg(const T* pointer) { return *pointer; }
template <class T> inline T __ldca(const T* pointer) { return *pointer; }
template <class T> inline T __ldcg(const T* pointer) { return *pointer; }
template <class T> inline T __ldcs(const T* pointer) { return *pointer; }
template <class T> inline T __ldlu(const T* pointer) { return *pointer; }
template <class T> inline T __ldcv(const T* pointer) { return *pointer; }

namespace refconv {
template <class T>
struct Given {  // as a parameter, Given<T>::type converts to the T that another parameter has decided
    using type = T;
};
}  // namespace refconv

template <class T> inline void __stwb(T* pointer, typename refconv::Given<T>::type value) { *pointer = value; }
template <class T> inline void __stcg(T* pointer, typename refconv::Given<T>::type value) { *pointer = value; }
template <class T> inline void __stcs(T* pointer, typename refconv::Given<T>::type value) { *pointer = value; }
template <class T> inline void __stwt(T* pointer, typename refconv::Given<T>::type value) { *pointer = value; }

extern "C" {
void* memcpy(void*, const void*, size_t) noexcept;
void* memmove(void*, const void*, size_t) noexcept;
void* memset(void*, int, size_t) noexcept;
int memcmp(const void*, const void*, size_t) noexcept;
void* malloc(size_t) noexcept;
void free(void*) noexcept;
}
