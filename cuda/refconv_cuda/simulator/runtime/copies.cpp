#include "copies.h"

#include <string.h>

#include "block.h"
#include "image.h"
#include "shadow.h"
#include "words/address_spaces.h"
#include "words/copy_async.h"
#include "words/stop.h"

namespace refconv {

namespace {

void carry_out(Copy& copy) {
    memcpy(copy.to, copy.from, copy.source_size);
    memset(copy.to + copy.source_size, 0, copy.size - copy.source_size);
    copy.done = true;
}

// Half of all copies happen at the wait, a quarter at once, the others a few calls later.
int32_t drawn_calls(Random& random) {
    uint64_t draw = random.below(4);
    if (draw >= 2) return Copy::kAtWait;
    return draw == 0 ? 0 : 1 + static_cast<int32_t>(random.below(8));
}

// A copy that there cannot be.
[[noreturn]] void report_space(const Copy& copy, const void* pointer, bool is_write) {
    Finding& finding = the_block().finding();
    const uint8_t* byte = static_cast<const uint8_t*>(pointer);
    Image image = this_image();
    finding.is_write = is_write;
    finding.address = reinterpret_cast<uintptr_t>(pointer);
    finding.size = copy.size;
    finding.region = kNoRegion;
    if (refconv_is_shared(pointer)) {
        finding.region = kSharedRegion;
        finding.offset = byte - image.storage_begin;
    } else if (image.data_begin <= byte && byte < image.data_end) {
        finding.region = kModuleRegion;
        finding.offset = finding.address - image.base;
    }
    the_block().report(kCopySpace, copy.place);
}

void refuse_impossible(const Copy& copy) {
    auto refuse_misaligned = [&](const void* pointer) {
        bool aligned = reinterpret_cast<uintptr_t>(pointer) % copy.size == 0;
        if (!aligned) refconv_misaligned(pointer, copy.size, copy.place.file, copy.place.position);
    };
    if (!refconv_is_shared(copy.to) || !refconv_is_shared(copy.to + copy.size - 1)) report_space(copy, copy.to, true);
    refuse_misaligned(copy.to);
    if (copy.source_size == 0) return;  // then the source is not looked at
    if (refconv_is_shared(copy.from) || refconv_is_local(copy.from)) report_space(copy, copy.from, false);
    refuse_misaligned(copy.from);
}

}  // namespace

// -- one thread's calls --------------------------------------------------------------------------------------

void Copies::issue(Copy copy) {
    refuse_impossible(copy);
    shadow::check_copy(copy);
    // An address that no page backs is found here and now, and not at the wait.
    if (copy.source_size) static_cast<void>(*static_cast<const volatile uint8_t*>(copy.from));
    Undisturbed undisturbed;
    Block& block = the_block();
    Own& own = begin_call();
    copy.thread = static_cast<int16_t>(block.current());
    copy.group = own.group;
    copy.calls = block.draws() ? drawn_calls(block.random()) : Copy::kAtWait;
    copy.done = false;
    copy.next = -1;
    if (copy.calls == 0) carry_out(copy);
    add(own, copy);
}

void Copies::commit() {
    Undisturbed undisturbed;
    ++begin_call().group;
}

void Copies::wait(int most_pending) {
    Undisturbed undisturbed;
    Own& own = begin_call();
    complete(own, own.group - most_pending);
}

void Copies::wait_all() {
    Undisturbed undisturbed;
    Own& own = begin_call();
    complete(own, ++own.group);
}

Copies::Own& Copies::begin_call() {
    if (!in_use_) {
        for (Own& own : own_) own = {-1, -1, 0, 0};
        in_use_ = true;
    }
    Own& own = own_[the_block().current()];
    for (int32_t i = own.first; own.soon > 0 && i >= 0; i = copies_.items[i].next) {
        Copy& copy = copies_.items[i];
        if (copy.done || copy.calls == Copy::kAtWait || --copy.calls > 0) continue;
        carry_out(copy);
        --own.soon;
    }
    return own;
}

void Copies::add(Own& own, const Copy& copy) {
    int32_t at = free_;
    if (at >= 0) {
        free_ = copies_.items[at].next;
        copies_.items[at] = copy;
    } else if (copies_.count < kMost && copies_.add(copy)) {
        at = static_cast<int32_t>(copies_.count) - 1;
    } else {
        Copy now = copy;
        if (!now.done) carry_out(now);
        return;
    }
    own.soon += copy.calls > 0;
    (own.last < 0 ? own.first : copies_.items[own.last].next) = at;
    own.last = at;
    shadow::begin_copy(copies_.items[at]);
}

// All of the groups before this one.
void Copies::complete(Own& own, int32_t before_group) {
    while (own.first >= 0 && copies_.items[own.first].group < before_group) {
        int32_t at = own.first;
        Copy& copy = copies_.items[at];
        own.soon -= !copy.done && copy.calls > 0;
        if (!copy.done) carry_out(copy);
        shadow::end_copy(copy, true);
        own.first = copy.next;
        if (own.first < 0) own.last = -1;
        copy.thread = -1;
        copy.next = free_;
        free_ = at;
    }
}

// -- all threads' --------------------------------------------------------------------------------------------

const Copy* Copies::met_by(uintptr_t address, size_t size, bool is_write) const {
    for (uint32_t i = 0; i < copies_.count; ++i) {
        const Copy& copy = copies_.items[i];
        if (copy.thread < 0) continue;
        if (copy.writes(address, size) || (is_write && copy.reads(address, size))) return &copy;
    }
    return nullptr;
}

void Copies::end_block() {
    for (uint32_t i = 0; i < copies_.count; ++i) {
        if (copies_.items[i].thread >= 0) shadow::end_copy(copies_.items[i], false);
    }
    copies_.count = 0;
    free_ = -1;
    in_use_ = false;
}

}  // namespace refconv

// What the words for them call.
extern "C" {

void refconv_copy_async(void* to, const void* from, int size, int source_size, const char* file, int line) {
    using namespace refconv;
    if (size != 4 && size != 8 && size != 16) refconv_trap("a cp.async of other than 4, 8 or 16 bytes", file, line);
    if (source_size < 0 || source_size > size) {
        refconv_trap("a cp.async that reads more bytes than it writes", file, line);
    }
    Copy copy = {};
    copy.to = static_cast<uint8_t*>(to);
    copy.from = static_cast<const uint8_t*>(from);
    copy.size = static_cast<uint8_t>(size);
    copy.source_size = static_cast<uint8_t>(source_size);
    copy.place = {file, line};
    copy.pc = __builtin_return_address(0);
    the_block().copies().issue(copy);
}

void refconv_copy_commit() { refconv::the_block().copies().commit(); }
void refconv_copy_wait(int most_pending) { refconv::the_block().copies().wait(most_pending); }
void refconv_copy_wait_all() { refconv::the_block().copies().wait_all(); }
}
