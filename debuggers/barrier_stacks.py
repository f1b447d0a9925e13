"""What gdb.py and lldb_tasks.py have in common: stacks with barriers, and the green threads of `sched`.

By the layouts in barrier-arch/src/stkbar.rs and sched/src/debug_list.rs, x86-64, frame pointers. A debugger is a `Memory`: two functions.
"""

WORD = 8
STATES = ("ready", "running", "parked", "done")
ENTRY_WORDS = 5
LIST_VERSION = 1
LIST_SYMBOL = "SCHED_TASKS"
NO_LIST = f"no symbol {LIST_SYMBOL}: no sched in this program, or its symbols were stripped (Cargo's `strip = \"debuginfo\"` leaves them)"
SAVED_FP, SAVED_PC, SAVED_BYTES = 40, 48, 56
MAX_FRAMES = 10000


class Memory:
    """`word(address)` reads eight bytes; `symbol(pc)` names the function there, or is the number."""

    def __init__(self, word, symbol):
        self.word, self.symbol = word, symbol


class Barriers:
    """The records below the top of one stack."""

    def __init__(self, memory, top):
        self.memory = memory
        state = memory.word(top - 24)
        self.position = (state & 0xFFFFFFFF) // 16
        length = (state >> 32) // 16
        self.records = [(memory.word(top - 48 - 16 * i), memory.word(top - 40 - 16 * i)) for i in range(length)]
        self.by_slot = dict(self.records)

    def standing(self):
        return sum(1 for slot, pc in self.records[self.position :] if self.memory.word(slot) != pc)

    def original(self, slot):
        """The return address in a return slot: the saved one where a barrier stands."""
        pc = self.memory.word(slot)
        return self.by_slot[slot] if slot in self.by_slot and "stack_barrier" in self.memory.symbol(pc) else pc

    def __str__(self):
        shown = []
        for i in range(len(self.records) + 1):
            if i == self.position:
                shown.append("@@@")
            if i < len(self.records):
                shown.append("*%#x=%#x" % self.records[i])
        return "[ " + " ".join(shown) + " ]"


class Task:
    def __init__(self, memory, entry):
        self.memory = memory
        self.number, state, context, self.base, self.top = (memory.word(entry + WORD * i) for i in range(ENTRY_WORDS))
        self.state = STATES[memory.word(state) & 3]
        self.sp = memory.word(context)

    def bars(self):
        return Barriers(self.memory, self.top)

    def frames(self):
        """(pc, stack pointer) from the youngest frame to the outermost, of a task that does not run."""
        word, bars = self.memory.word, self.bars()
        pc, sp, fp = word(self.sp + SAVED_PC), self.sp + SAVED_BYTES, word(self.sp + SAVED_FP)
        for _ in range(MAX_FRAMES):
            yield pc, sp
            if not self.base <= fp < self.top:
                return
            pc, sp, fp = bars.original(fp + WORD), fp + 2 * WORD, word(fp)

    def line(self, thread):
        """What is shown of it in a list; `thread` is the number of the OS thread that it runs on, if any."""
        where = f"on thread {thread}" if thread else self.memory.symbol(next(iter(self.frames()))[0])
        bars = self.bars()
        return f"task {self.number} {self.state} {where}, {bars.standing()} of {len(bars.records)} barriers"

    def lines(self):
        """Its frames, one line each. A caller's function is that of the call, before its return address; the youngest one may not have begun."""
        name = self.memory.symbol
        return [f"#{i} {pc:#x} {name(pc - 1 if i else pc)} (sp {sp:#x})" for i, (pc, sp) in enumerate(self.frames())]


def tasks(memory, list_address):
    """All tasks that have not ended, by number. `list_address` is that of the symbol SCHED_TASKS."""
    version, count, entries = (memory.word(list_address + WORD * i) for i in range(3))
    if version != LIST_VERSION:
        raise ValueError(f"the task list has version {version}, this script knows {LIST_VERSION}")
    found = [Task(memory, entries + WORD * ENTRY_WORDS * i) for i in range(count)]
    return sorted((task for task in found if task.state != "done"), key=lambda task: task.number)
