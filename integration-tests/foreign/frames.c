/* C between Rust frames: recursion, setjmp, a sort that calls back, a frame of variable size.
   Compiled twice, with and without frame pointers; NAME gives each copy its own names. */
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

typedef void (*leaf)(void *);

/* `depth` + 1 frames of 200 bytes and more, the last of which calls back. Returns depth + 1. */
long NAME(c_descend)(long depth, leaf call, void *argument)
{
    volatile char ballast[200];
    memset((void *)ballast, (int)depth, sizeof ballast);
    long below = 0;
    if (depth > 0)
        below = NAME(c_descend)(depth - 1, call, argument);
    else
        call(argument);
    return below + 1 + ballast[depth % 200] - (char)depth;
}

/* The same with frames whose size is known at run time only: their canonical address hangs on a register. */
long NAME(c_descend_alloca)(long depth, leaf call, void *argument)
{
    volatile char *ballast = alloca(100 + 16 * (size_t)(depth % 7));
    ballast[depth % 100] = (char)depth;
    long below = 0;
    if (depth > 0)
        below = NAME(c_descend_alloca)(depth - 1, call, argument);
    else
        call(argument);
    return below + 1 + ballast[depth % 100] - (char)depth;
}

/* Sorts with the C library's qsort, which calls back; returns whether the result is in order. */
static leaf sorting_call;
static void *sorting_argument;
static long comparisons;

static int by_value(const void *a, const void *b)
{
    if (++comparisons % 16 == 0)
        sorting_call(sorting_argument);
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int NAME(c_sort)(long *numbers, size_t count, leaf call, void *argument)
{
    sorting_call = call;
    sorting_argument = argument;
    qsort(numbers, count, sizeof *numbers, by_value);
    for (size_t i = 1; i < count; i++)
        if (numbers[i - 1] > numbers[i])
            return 0;
    return 1;
}

/* Calls `call(argument)`; returns 0, or what `c_jump` was given. */
static __thread jmp_buf *innermost;

int NAME(c_guard)(leaf call, void *argument)
{
    jmp_buf here, *outer = innermost;
    innermost = &here;
    int value = setjmp(here);
    if (value == 0)
        call(argument);
    innermost = outer;
    return value;
}

void NAME(c_jump)(int value)
{
    longjmp(*innermost, value);
}

/* A frame with a cleanup, for forced unwinding: counts into `argument`'s first word. */
static void count_cleanup(void *counter)
{
    ++*(long *)counter;
}

long NAME(c_with_cleanup)(long depth, leaf call, void *argument)
{
    volatile char ballast[200];
    ballast[depth % 200] = 1;
    long below = 0;
    pthread_cleanup_push(count_cleanup, argument);
    if (depth > 0)
        below = NAME(c_with_cleanup)(depth - 1, call, argument);
    else
        call(argument);
    pthread_cleanup_pop(0);
    return below + ballast[depth % 200];
}

/* Drops the frames below the caller's `c_guard` by forced unwinding, which runs their cleanups, as pthread_exit does. */
static _Unwind_Reason_Code stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                struct _Unwind_Exception *exception, struct _Unwind_Context *context, void *seen)
{
    (void)version, (void)class, (void)exception;
    ++*(long *)seen;
    /* The guard's buffer lies in its frame: the first frame that ends above it is the guard's. */
    if ((actions & _UA_END_OF_STACK) || _Unwind_GetCFA(context) > (uintptr_t)innermost)
        longjmp(*innermost, 77);
    return _URC_NO_REASON;
}

static void forget(_Unwind_Reason_Code reason, struct _Unwind_Exception *exception)
{
    (void)reason, (void)exception;
}

void NAME(c_force_unwind)(long *frames)
{
    static __thread struct _Unwind_Exception exception;
    memset(&exception, 0, sizeof exception);
    exception.exception_cleanup = forget;
    _Unwind_ForcedUnwind(&exception, stop, frames);
    abort();
}

void NAME(c_pthread_exit)(void)
{
    pthread_exit((void *)42);
}

/* glibc's own backtrace. */
int NAME(c_backtrace)(void **pcs, int room)
{
    return backtrace(pcs, room);
}
