"""lldb and return barriers: `command script import debuggers/lldb_tasks.py`.

    tasks               lists the green threads of `sched`: number, state, where each is, how many barriers stand on its stack
    task N              the frames of green thread N, barriers resolved; of a running one, its OS thread's own `bt`

Nothing is needed to look at a running thread: `bt`, `up`, `finish`, breakpoints and `stepi` see through the trampoline by its unwind tables, with one
frame more per barrier, named stack_barrier.

x86-64, frame pointers. Works on core files, and without debug information, if there are symbols. Debian's lldb 14 looks for its own Python module in the wrong place: start it with
PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages.
"""

import os
import sys

import lldb

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import barrier_stacks


def memory_of(target):
    process = target.process

    def word(address):
        error = lldb.SBError()
        value = process.ReadUnsignedFromMemory(address, barrier_stacks.WORD, error)
        if error.Fail():
            raise ValueError(str(error))
        return value

    def symbol(pc):
        address = target.ResolveLoadAddress(pc)
        name = address.symbol.name
        return f"{name} + {pc - address.symbol.addr.GetLoadAddress(target)}" if name else f"{pc:#x}"

    return barrier_stacks.Memory(word, symbol)


def tasks(target):
    found = target.FindSymbols(barrier_stacks.LIST_SYMBOL)
    if found.GetSize() == 0:
        raise ValueError(barrier_stacks.NO_LIST)
    return barrier_stacks.tasks(memory_of(target), found[0].symbol.addr.GetLoadAddress(target))


def thread_of(target, task):
    """The OS thread that runs on its stack."""
    for thread in target.process:
        if task.base <= thread.GetFrameAtIndex(0).GetSP() < task.top:
            return thread
    return None


def list_tasks(debugger, argument, result, internal):
    """Lists the green threads of sched."""
    target = debugger.GetSelectedTarget()
    try:
        for task in tasks(target):
            thread = thread_of(target, task)
            print(task.line(thread.GetIndexID() if thread else None), file=result)
    except ValueError as error:
        result.SetError(str(error))


def show_task(debugger, argument, result, internal):
    """The frames of one green thread, barriers resolved."""
    target = debugger.GetSelectedTarget()
    try:
        found = [task for task in tasks(target) if str(task.number) == argument.strip()]
        if not found:
            raise ValueError(f"no task {argument}")
        thread = thread_of(target, found[0])
        shown = [str(frame) for frame in thread] if thread else found[0].lines()
        print("\n".join(shown), file=result)
    except ValueError as error:
        result.SetError(str(error))


def __lldb_init_module(debugger, internal):
    module = os.path.splitext(os.path.basename(__file__))[0]
    debugger.HandleCommand(f"command script add -f {module}.list_tasks tasks")
    debugger.HandleCommand(f"command script add -f {module}.show_task task")
