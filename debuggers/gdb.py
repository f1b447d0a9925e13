"""gdb and return barriers: `source debuggers/gdb.py`.

    info tasks          lists the green threads of `sched`: number, state, where each is, how many barriers stand on its stack
    task N              the frames of green thread N, barriers resolved; of a running one, its OS thread's own `bt`
    print bars          a `StkbarSlice` prints as its records: @@@ at the lowest barrier that was not hit

Nothing is needed to look at a running thread: `bt`, `up`, `finish`, `until`, breakpoints and `stepi` see through the trampoline by its unwind
tables. A backtrace has one frame more per barrier, named stack_barrier; `task N` leaves it out.

x86-64, frame pointers. Works on core files. Reads memory by the layouts in barrier-arch/src/stkbar.rs and sched/src/debug_list.rs.
"""

import re

import gdb

WORD = 8
STATES = ("ready", "running", "parked", "done")
ENTRY_WORDS = 5
LIST_VERSION = 1
SAVED_FP, SAVED_PC, SAVED_BYTES = 40, 48, 56
MAX_FRAMES = 10000


def word(address):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, WORD)), "little")


def symbol(pc):
    text = gdb.execute(f"info symbol {pc:#x}", to_string=True).strip()
    return text.split(" in section")[0] if " in section" in text else f"{pc:#x}"


class Barriers:
    """The records below the top of one stack."""

    def __init__(self, top):
        state = word(top - 24)
        self.position = (state & 0xFFFFFFFF) // 16
        length = (state >> 32) // 16
        self.records = [(word(top - 48 - 16 * i), word(top - 40 - 16 * i)) for i in range(length)]
        self.by_slot = dict(self.records)

    def standing(self):
        return sum(1 for slot, pc in self.records[self.position :] if word(slot) != pc)

    def original(self, slot):
        """The return address in a return slot: the saved one where a barrier stands."""
        pc = word(slot)
        return self.by_slot[slot] if slot in self.by_slot and "stack_barrier" in symbol(pc) else pc

    def __str__(self):
        shown = []
        for i in range(len(self.records) + 1):
            if i == self.position:
                shown.append("@@@")
            if i < len(self.records):
                shown.append("*%#x=%#x" % self.records[i])
        return "[ " + " ".join(shown) + " ]"


class Task:
    def __init__(self, entry):
        self.number, state, context, self.base, self.top = (word(entry + WORD * i) for i in range(ENTRY_WORDS))
        self.state = STATES[word(state) & 3]
        self.sp = word(context)

    def thread(self):
        """The OS thread that runs on this stack, and its stack pointer."""
        selected = gdb.selected_thread()
        try:
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                sp = int(gdb.newest_frame().read_register("rsp"))
                if self.base <= sp < self.top:
                    return thread
        finally:
            selected.switch()
        return None

    def frames(self):
        """(pc, stack pointer) from the youngest frame to the outermost, of a task that does not run."""
        bars = Barriers(self.top)
        pc, sp, fp = word(self.sp + SAVED_PC), self.sp + SAVED_BYTES, word(self.sp + SAVED_FP)
        for _ in range(MAX_FRAMES):
            yield pc, sp
            if not self.base <= fp < self.top:
                return
            pc, sp, fp = bars.original(fp + WORD), fp + 2 * WORD, word(fp)


def address_of_list():
    try:
        text = gdb.execute("info address sched::debug_list::SCHED_TASKS", to_string=True)
    except gdb.error:
        raise gdb.GdbError("no sched in this program")
    return int(re.search("0x[0-9a-f]+", text).group(), 16)


def tasks():
    version, count, entries = (word(address_of_list() + WORD * i) for i in range(3))
    if version != LIST_VERSION:
        raise gdb.GdbError(f"the task list has version {version}, this script knows {LIST_VERSION}")
    return [Task(entries + WORD * ENTRY_WORDS * i) for i in range(count)]


class InfoTasks(gdb.Command):
    """Lists the green threads of sched."""

    def __init__(self):
        super().__init__("info tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for task in sorted(tasks(), key=lambda task: task.number):
            if task.state == "done":
                continue
            thread = task.thread()
            where = f"on thread {thread.num}" if thread else symbol(next(iter(task.frames()))[0])
            bars = Barriers(task.top)
            print(f"task {task.number} {task.state} {where}, {bars.standing()} of {len(bars.records)} barriers")


class ShowTask(gdb.Command):
    """The frames of one green thread, barriers resolved."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = [task for task in tasks() if str(task.number) == argument.strip()]
        if not found or found[0].state == "done":
            raise gdb.GdbError(f"no task {argument}")
        thread = found[0].thread()
        if thread:
            thread.switch()
            gdb.execute("bt")
            return
        for index, (pc, sp) in enumerate(found[0].frames()):
            print(f"#{index} {pc:#x} {symbol(pc - 1)} (sp {sp:#x})")


class StkbarSlicePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        top = int(self.value["top"]["pointer"])
        return f"StkbarSlice(top {top:#x}, {Barriers(top)})"


def stkbar_slice(value):
    name = value.type.strip_typedefs().name or ""
    return StkbarSlicePrinter(value) if name == "barrier_arch::stkbar::StkbarSlice" else None


gdb.pretty_printers.append(stkbar_slice)
InfoTasks()
ShowTask()
