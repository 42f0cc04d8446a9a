// What the compiler calls before each load and store when it is told -fsanitize=thread, and where
// -fsanitize=bounds,alignment finds a fault: the documented interface of the sanitizers, answered by the checker.
#ifdef REFCONV_CHECK
#include "block.h"
#include "shadow.h"
#include "shadow_cells.h"

using refconv::shadow::check;
using refconv::shadow::check_range;
using refconv::shadow::easy_read;
using refconv::shadow::easy_write;
using refconv::shadow::is_own_variable;
using refconv::shadow::kAtomic;
using refconv::shadow::kBlockAtomic;
using refconv::shadow::kRead;
using refconv::shadow::kWrite;

#define REFCONV_PC __builtin_return_address(0)
// The hooks for accesses of one size: those that are aligned as their size asks, and the others.
#define REFCONV_HOOKS(size)                                                 \
    void __tsan_read##size(void* p) { check(p, size, kRead, REFCONV_PC); }   \
    void __tsan_write##size(void* p) { check(p, size, kWrite, REFCONV_PC); } \
    REFCONV_LESS_COMMON_HOOKS(size)
#define REFCONV_LESS_COMMON_HOOKS(size)                                                         \
    void __tsan_volatile_read##size(void* p) { check(p, size, kRead, REFCONV_PC); }             \
    void __tsan_volatile_write##size(void* p) { check(p, size, kWrite, REFCONV_PC); }           \
    void __tsan_unaligned_read##size(void* p) { check_range(p, size, kRead, REFCONV_PC); }      \
    void __tsan_unaligned_write##size(void* p) { check_range(p, size, kWrite, REFCONV_PC); }    \
    void __tsan_read_write##size(void* p) {                                                     \
        check(p, size, kRead, REFCONV_PC);                                                      \
        check(p, size, kWrite, REFCONV_PC);                                                     \
    }                                                                                           \
    void __tsan_unaligned_read_write##size(void* p) {                                           \
        check_range(p, size, kRead, REFCONV_PC);                                                \
        check_range(p, size, kWrite, REFCONV_PC);                                               \
    }

extern "C" {
REFCONV_HOOKS(1)
REFCONV_HOOKS(2)
// Four bytes are what most accesses are, and most of those are plain to see.
void __tsan_read4(void* p) {
    uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (!is_own_variable(address) && !easy_read(address, REFCONV_PC)) check(p, 4, kRead, REFCONV_PC);
}
void __tsan_write4(void* p) {
    uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (!is_own_variable(address) && !easy_write(address, REFCONV_PC)) check(p, 4, kWrite, REFCONV_PC);
}
REFCONV_LESS_COMMON_HOOKS(4)
REFCONV_HOOKS(8)
REFCONV_HOOKS(16)
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* p, size_t size) { check_range(p, size, kRead, REFCONV_PC); }
void __tsan_write_range(void* p, size_t size) { check_range(p, size, kWrite, REFCONV_PC); }
void* __tsan_memcpy(void* to, const void* from, size_t size) {
    check_range(from, size, kRead, REFCONV_PC);
    check_range(to, size, kWrite, REFCONV_PC);
    return __builtin_memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, size_t size) {
    check_range(from, size, kRead, REFCONV_PC);
    check_range(to, size, kWrite, REFCONV_PC);
    return __builtin_memmove(to, from, size);
}
void* __tsan_memset(void* to, int value, size_t size) {
    check_range(to, size, kWrite, REFCONV_PC);
    return __builtin_memset(to, value, size);
}
void refconv_atomic_access(const volatile void* address, int size, const void* pc, bool of_block) {
    check(address, static_cast<uint32_t>(size), of_block ? kBlockAtomic : kAtomic, pc);
}

// -- -fsanitize=bounds and -fsanitize=alignment: the compiler's own description of what it found ---------------

struct SourceLocation {
    const char* file;
    uint32_t line, column;
};
struct TypeDescriptor {
    uint16_t kind, info;
    char name[1];
};
struct OutOfBoundsData {
    SourceLocation location;
    const TypeDescriptor *array, *index;
};
struct TypeMismatchData {
    SourceLocation location;
    const TypeDescriptor* type;
    uint8_t log_alignment, access;
};

void __ubsan_handle_out_of_bounds_abort(OutOfBoundsData* data, uintptr_t index) {
    refconv::the_block().finding().message = data->array->name;
    refconv::the_block().finding().address = index;
    refconv::the_block().report(refconv::kIndexOutOfBounds, {data->location.file, static_cast<int>(data->location.line)});
}
void __ubsan_handle_type_mismatch_v1_abort(TypeMismatchData* data, uintptr_t pointer) {
    refconv::Finding& finding = refconv::the_block().finding();
    uint32_t alignment = 1u << data->log_alignment;
    finding.address = pointer;
    finding.size = static_cast<int32_t>(alignment);
    finding.region = refconv::kNoRegion;
    finding.message = data->type->name;
    finding.is_write = data->access == 1;
    // A null pointer is on the same hook; the access itself will fault, and say more.
    if (pointer % alignment == 0) return;
    refconv::the_block().report(refconv::kMisaligned, {data->location.file, static_cast<int>(data->location.line)});
}
}
#endif
