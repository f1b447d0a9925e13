// C++ between Rust frames: throw, catch, rethrow, destructors. Compiled twice, with and without frame pointers.
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

typedef void (*leaf)(void *);

namespace {
// Counts how often it is destroyed.
struct Counts {
    long *counter;
    ~Counts() { ++*counter; }
};
} // namespace

extern "C" {

// `depth` + 1 frames with a destructor each; the last calls back.
long NAME(cpp_descend)(long depth, leaf call, void *argument, long *destroyed)
{
    Counts counts{destroyed};
    volatile char ballast[200];
    memset((void *)ballast, (int)depth, sizeof ballast);
    long below = 0;
    if (depth > 0)
        below = NAME(cpp_descend)(depth - 1, call, argument, destroyed);
    else
        call(argument);
    return below + 1 + ballast[depth % 200] - (char)depth;
}

// A catch and a rethrow in every frame.
long NAME(cpp_rethrow)(long depth, leaf call, void *argument, long *caught)
{
    try {
        if (depth > 0)
            return NAME(cpp_rethrow)(depth - 1, call, argument, caught) + 1;
        call(argument);
        return 1;
    } catch (...) {
        ++*caught;
        throw;
    }
}

void NAME(cpp_throw)(long value)
{
    throw value;
}

void NAME(cpp_throw_text)(const char *text)
{
    throw std::runtime_error(std::string(text));
}

// Calls `call(argument)`: 0 if it returns, the number that was thrown, -1 if it was a std::exception that said `text`.
long NAME(cpp_catch)(leaf call, void *argument, const char *text)
{
    try {
        call(argument);
        return 0;
    } catch (long value) {
        return value;
    } catch (const std::exception &error) {
        return strcmp(error.what(), text) == 0 ? -1 : -2;
    }
}

// A handler throws something else while the first exception is being handled.
long NAME(cpp_nested)(long depth, leaf call, void *argument)
{
    try {
        call(argument);
    } catch (long value) {
        if (depth > 0)
            return NAME(cpp_nested)(depth - 1, call, argument) + 1;
        std::exception_ptr kept = std::current_exception();
        try {
            throw std::runtime_error("another");
        } catch (const std::runtime_error &) {
            try {
                std::rethrow_exception(kept);
            } catch (long again) {
                return again == value ? value : -3;
            }
        }
    }
    return -4;
}
}
