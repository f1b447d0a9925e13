"""gdb and return barriers: `source debuggers/gdb.py`.

    info tasks          lists the green threads of `sched`: number, state, where each is, how many barriers stand on its stack
    task N              the frames of green thread N, barriers resolved; of a running one, its OS thread's own `bt`
    print bars          a `StkbarSlice` prints as its records: @@@ at the lowest barrier that was not hit

Nothing is needed to look at a running thread: `bt`, `up`, `finish`, `until`, breakpoints and `stepi` see through the trampoline by its unwind
tables. A backtrace has one frame more per barrier, named stack_barrier; `task N` leaves it out.

x86-64, frame pointers. Works on core files, and without debug information, which `print` alone needs; symbols there must be. What it knows of the layout in memory is in barrier_stacks.py, beside this file.
"""

import os
import re
import sys

import gdb

# gdb sets `__file__` for the first script only.
sys.path.append(os.path.dirname(os.path.abspath((lambda: 0).__code__.co_filename)))
import barrier_stacks


def word(address):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, barrier_stacks.WORD)), "little")


def symbol(pc):
    text = gdb.execute(f"info symbol {pc:#x}", to_string=True).strip()
    return text.split(" in section")[0] if " in section" in text else f"{pc:#x}"


MEMORY = barrier_stacks.Memory(word, symbol)


def tasks():
    try:
        text = gdb.execute(f"info address {barrier_stacks.LIST_SYMBOL}", to_string=True)
    except gdb.error:
        raise gdb.GdbError(barrier_stacks.NO_LIST)
    try:
        return barrier_stacks.tasks(MEMORY, int(re.search("0x[0-9a-f]+", text).group(), 16))
    except ValueError as error:
        raise gdb.GdbError(str(error))


def thread_of(task):
    """The OS thread that runs on its stack."""
    selected = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if task.base <= int(gdb.newest_frame().read_register("rsp")) < task.top:
                return thread
    finally:
        selected.switch()
    return None


class InfoTasks(gdb.Command):
    """Lists the green threads of sched."""

    def __init__(self):
        super().__init__("info tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for task in tasks():
            thread = thread_of(task)
            print(task.line(thread.num if thread else None))


class ShowTask(gdb.Command):
    """The frames of one green thread, barriers resolved."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = [task for task in tasks() if str(task.number) == argument.strip()]
        if not found:
            raise gdb.GdbError(f"no task {argument}")
        thread = thread_of(found[0])
        if thread:
            thread.switch()
            gdb.execute("bt")
        else:
            print("\n".join(found[0].lines()))


class StkbarSlicePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        top = int(self.value["top"]["pointer"])
        return f"StkbarSlice(top {top:#x}, {barrier_stacks.Barriers(MEMORY, top)})"


def stkbar_slice(value):
    name = value.type.strip_typedefs().name or ""
    return StkbarSlicePrinter(value) if name == "barrier_arch::stkbar::StkbarSlice" else None


gdb.pretty_printers.append(stkbar_slice)
InfoTasks()
ShowTask()
