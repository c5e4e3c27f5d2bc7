"""Random scenarios about long-term pins; the same seed gives the same text.

They are for a host whose pool pages may all not be pinned where they lie: pools grow out of
ZONE_MOVABLE, or out of a CMA that is most of the memory, and stay small beside these. So it
is known to the page where each comes from, whatever the CPUs' own lists hold back.
"""

import random

HOSTS = {
    "movable": """\
node 0 memory=1G cpus=0
zone 0 DMA managed=3840 free=3800 min=190 low=237 high=284 reserve=0,451,451,942
zone 0 DMA32 managed=117421 free=110000 min=5734 low=7167 high=8600 reserve=0,0,0,491
zone 0 Movable managed=126467 free=124000 min=122 low=1679 high=3236
""",
    "cma": """\
node 0 memory=1G cpus=0
zone 0 DMA managed=247923 free=243000 cma=180224 free_cma=180000 min=5632 low=7040 high=8448
""",
}
POOL_MAX = 60
OVERCOMMIT_MAX = 6
TASKS_MAX = 4
MAPS_MAX = 4  # of a task
PAGES_MAX = 8
PINS_MAX = 24  # pages that stay out of where they came from: small beside the rest


class Map:
    def __init__(self, pages, shared):
        self.pages = pages
        self.shared = shared
        self.pins = []  # (start, count), as if all succeeded


class Scenario:
    def __init__(self, seed, odd):
        self.random = random.Random(seed)
        self.odd = odd  # forks, and pins that outlive their mapping
        self.lines = []
        self.tasks = {}  # name -> {name: Map}
        self.counts = {}
        kinds = [(self.pool, 6), (self.overcommit, 3), (self.task, 4), (self.map, 12),
                 (self.touch, 14), (self.pin, 22), (self.unpin, 8), (self.unmap, 4),
                 (self.exit, 2)]
        if odd:
            kinds += [(self.fork, 3), (self.dontneed, 2), (self.migrate, 2)]
        self.taste = [(make, weight * self.random.choice((0.3, 1, 1, 2)))
                      for make, weight in kinds]

    def say(self, *words):
        self.lines.append(" ".join(str(w) for w in words if w != ""))

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def new_name(self, prefix):
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}{self.counts[prefix]}"

    def a_map(self, unpinned=False):
        """(task, mapping) or None."""
        found = [(task, name) for task, maps in self.tasks.items() for name, m in maps.items()
                 if not (unpinned and m.pins)]
        return self.random.choice(found) if found else None

    def a_range(self, pages):
        """(words, start, count): the whole, more often than not."""
        if self.chance(55):
            return (), 0, pages
        start = self.random.randrange(pages)
        count = self.random.randint(1, pages - start)
        return (start, count), start, count

    def pool(self):
        self.say("write 2M/nr_hugepages", self.random.choice(
            (0, 1, 2, 4, 8, 16, 24, 40, POOL_MAX, self.random.randint(0, POOL_MAX))))

    def overcommit(self):
        self.say("write 2M/nr_overcommit_hugepages",
                 self.random.choice((0, 1, 2, 3, OVERCOMMIT_MAX)))

    def task(self):
        if len(self.tasks) >= TASKS_MAX:
            return
        name = next(c for c in "ABCDEFGH" if c not in self.tasks)
        self.tasks[name] = {}
        self.say("task", name)

    def map(self):
        free = [t for t, maps in self.tasks.items() if len(maps) < MAPS_MAX]
        if not free:
            return
        task, name = self.random.choice(free), self.new_name("m")
        pages, shared = self.random.randint(1, PAGES_MAX), self.chance(45)
        self.tasks[task][name] = Map(pages, shared)
        self.say(task, "map", name, pages, "shared" if shared else "",
                 "noreserve" if self.chance(25) else "", "populate" if self.chance(10) else "")

    def touch(self):
        found = self.a_map()
        if found:
            task, name = found
            words, _, _ = self.a_range(self.tasks[task][name].pages)
            self.say(task, "read" if self.chance(15) else "touch", name, *words)

    def pinned(self):
        return sum(count for maps in self.tasks.values() for m in maps.values()
                   for _, count in m.pins)

    def pin(self):
        found = self.a_map()
        if not found:
            return
        task, name = found
        mine = self.tasks[task][name]
        words, start, count = self.a_range(mine.pages)
        if self.pinned() + count > PINS_MAX:
            return
        mine.pins.append((start, count))
        self.say(task, "pin", name, *words)

    def unpin(self):
        found = [(task, name) for task, maps in self.tasks.items() for name, m in maps.items()
                 if m.pins]
        if not found:
            return
        task, name = self.random.choice(found)
        mine = self.tasks[task][name]
        words, start, count = self.a_range(mine.pages)
        mine.pins = [(s, c) for s, c in mine.pins if s >= start + count or start >= s + c]
        self.say(task, "unpin", name, *words)

    def unmap(self):
        found = self.a_map(unpinned=not self.odd)
        if found:
            del self.tasks[found[0]][found[1]]
            self.say(found[0], "unmap", found[1])

    def exit(self):
        if self.tasks:
            name = self.random.choice(list(self.tasks))
            del self.tasks[name]
            self.say(name, "exit")

    def fork(self):
        if self.tasks and len(self.tasks) < TASKS_MAX:
            parent = self.random.choice(list(self.tasks))
            child = next(c for c in "ABCDEFGH" if c not in self.tasks)
            self.tasks[child] = {name: Map(m.pages, m.shared)
                                 for name, m in self.tasks[parent].items()}
            self.say(parent, "fork", child)

    def dontneed(self):
        found = self.a_map()
        if found:
            words, _, _ = self.a_range(self.tasks[found[0]][found[1]].pages)
            self.say(found[0], "dontneed", found[1], *words)

    def migrate(self):
        found = self.a_map()
        if found:
            self.say(found[0], "soft-offline", found[1], 0)

    def make(self, steps):
        makers, weights = zip(*self.taste)
        self.say("write 2M/nr_hugepages", self.random.choice((8, 16, 30)))
        self.task()
        while len(self.lines) < steps:
            self.random.choices(makers, weights)[0]()
        return self.lines[:steps]


def make(seed, steps, host, odd=False):
    return HOSTS[host] + "\n".join(Scenario(seed, odd).make(steps)) + "\n"

