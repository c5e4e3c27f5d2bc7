"""Random scenarios; the same seed gives the same text.

It keeps account of names and of the size of things, as if every step succeeded: many do
not, which is what limits are for, and a step on a thing that is not there is answered
ENOENT by both sides. Each scenario has its own taste: how often which kind of step comes
is drawn once, so that some are all forks and some all mounts.
"""

import argparse
import random
import sys

from . import generate_pins

NODE_POOL_MAX = 12  # pages: small, so that every limit is met
OVERCOMMIT_MAX = 6
TASKS_MAX = 5
MAPS_MAX = 5  # of a task
PAGES_MAX = 6
SIZES = {"2M": 2 << 20, "1G": 1 << 30}
BAD_NUMBERS = ("-1", "abc", "2x", "0x2", "3 4")


class Map:
    def __init__(self, pages, shared=False, file=None, size="2M"):
        self.pages = pages
        self.shared = shared
        self.file = file
        self.size = size
        self.holes = set()

    def copy(self):
        other = Map(self.pages, self.shared, self.file, self.size)
        other.holes = set(self.holes)
        return other


class Task:
    def __init__(self, name):
        self.name = name
        self.maps = {}  # name -> Map
        self.opens = set()
        self.forked = False  # has or had a relative
        self.private = False  # has or had a private mapping
        self.confined = False  # in a cpuset
        self.group = None


class Scenario:
    def __init__(self, seed, options):
        self.random = random.Random(seed)
        self.options = options
        self.lines = []
        self.tasks = {}
        self.mounts = {}  # name -> number of files made
        self.files = {}  # path -> True: linked
        self.memfds = set()
        self.groups = []
        self.segments = {}  # name -> (pages, page size)
        self.counts = {}
        self.pool = [0] * options.nodes  # pages of each node, as they were asked for
        self.overcommit = 0
        self.mapped = []  # (task, mapping) that were named last
        kinds = self.kinds()
        self.taste = [(make, weight * self.random.choice((0.3, 1, 1, 2)))
                      for make, weight in kinds]

    # ---- names and numbers

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def new_name(self, prefix):
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}{self.counts[prefix]}"

    def new_task_name(self):
        free = [c for c in "ABCDEFGH" if c not in self.tasks]
        return free[0]

    def pick(self, things):
        things = list(things)
        return self.random.choice(things) if things else None

    def node(self):
        return self.random.randrange(self.options.nodes)

    def nodes(self):
        """A list of nodes in the kernel's format; now and then one that is not there."""
        count = self.options.nodes
        if self.chance(2):
            return str(count)
        chosen = [n for n in range(count) if self.chance(50)] or [self.node()]
        return ",".join(map(str, chosen))

    def policy(self):
        kind = self.random.choice(("default", "default", "local", "preferred", "bind", "bind",
                                   "interleave", "preferred-many"))
        if kind in ("default", "local"):
            return kind
        if kind == "preferred":
            return f"{kind} {self.node()}"
        return f"{kind} {self.nodes()}"

    def page_size(self):
        """' 1G' in some steps of gigantic scenarios, else nothing."""
        return "1G" if self.options.gigantic and self.chance(25) else ""

    def pages(self):
        return self.random.choice((1, 1, 2, 2, 3, 3, 4, 5, PAGES_MAX))

    def bytes_text(self, pages):
        return f"{pages * 2}M"

    # ---- what is there

    def task(self):
        """A task, rather one that has mappings."""
        with_maps = [t for t in self.tasks.values() if t.maps]
        if with_maps and self.chance(80):
            return self.pick(with_maps)
        return self.pick(self.tasks.values())

    def task_and_map(self):
        recent = [(t, m) for t, m in self.mapped[-4:]
                  if t in self.tasks and m in self.tasks[t].maps]
        if recent and self.chance(45):
            task, mapping = self.pick(recent)
            return self.tasks[task], mapping
        task = self.pick([t for t in self.tasks.values() if t.maps])
        return (task, self.pick(task.maps)) if task else (None, None)

    def file(self, linked=False):
        paths = [p for p, there in self.files.items() if there or not linked]
        if not linked:
            paths += sorted(self.memfds)
        return self.pick(paths)

    def range(self, mapping):
        """'' for all of it, or ' START COUNT'."""
        there = [i for i in range(mapping.pages) if i not in mapping.holes]
        if not mapping.holes and self.chance(45):
            return "", set(range(mapping.pages))
        if self.chance(1):
            return f" {mapping.pages} 2", set()
        if not there:
            return "", set()
        start = self.pick(there)
        end = start
        while end + 1 in there and self.chance(60):
            end += 1
        return f" {start} {end - start + 1}", set(range(start, end + 1))

    def say(self, line):
        self.lines.append(line)
        return True

    def named(self, task, mapping):
        self.mapped.append((task.name, mapping))

    def room(self):
        """Pages of 2M that a mapping can have, roughly."""
        used = sum(self.segments.values())
        files = {}
        for task in self.tasks.values():
            for mapping in task.maps.values():
                pages = mapping.pages - len(mapping.holes)
                if mapping.size != "2M":
                    continue
                if mapping.file and mapping.shared:
                    files[mapping.file] = max(files.get(mapping.file, 0), pages)
                else:
                    used += pages
        return sum(self.pool) + self.overcommit - used - sum(files.values())

    def spread(self, total):
        nodes = self.options.nodes
        self.pool = [(total + nodes - 1 - n) // nodes for n in range(nodes)]

    # ---- steps: each says a line and returns True, or returns False when it has no object

    def write_pool(self):
        size = self.page_size() or "2M"
        top = 2 if size == "1G" else NODE_POOL_MAX
        value = self.random.randrange(top + 1)
        where = self.random.randrange(10)
        if size == "2M" and self.room() < 0 and self.chance(60):
            value = top
        node = self.node()
        if self.chance(3):
            value = self.pick(BAD_NUMBERS)  # "3 4" is 3 for /proc: the account is rough
        elif size == "2M" and where < 4:
            self.pool[node] = value
        elif size == "2M":
            self.spread(value)
        if where < 4:
            return self.say(f"write {size}/node{node}/nr_hugepages {value}")
        if where < 5 and size == "2M":
            return self.say(f"write proc/nr_hugepages {value}")
        if where < 6 and self.tasks:
            task = self.pick(self.tasks)
            return self.say(f"{task} write {size}/nr_hugepages_mempolicy {value}")
        return self.say(f"write {size}/nr_hugepages {value}")

    def write_overcommit(self):
        file = self.pick(("2M/nr_overcommit_hugepages", "2M/nr_overcommit_hugepages",
                          "proc/nr_overcommit_hugepages"))
        self.overcommit = self.random.randrange(OVERCOMMIT_MAX + 1)
        return self.say(f"write {file} {self.overcommit}")

    def write_demote(self):
        if not self.options.gigantic:
            return False
        return self.say(f"write 1G/{self.pick(('', f'node{self.node()}/'))}demote 1")

    def mount(self):
        if len(self.mounts) >= 3:
            return False
        name = self.new_name("M")
        words = []
        limit = self.random.randrange(1, 9)
        both = self.chance(30) and not self.options.live
        if both or self.chance(45):
            words.append(f"size={self.pick((self.bytes_text(limit), '50%'))}"
                         if self.chance(10) else f"size={self.bytes_text(limit)}")
        if both or not words and self.chance(60):
            least = self.random.randrange(1, limit + 1 + self.chance(5))
            words.append(f"min_size={self.bytes_text(least)}")
        if self.chance(15):
            words.append(f"nr_inodes={self.random.randrange(1, 6)}")
        self.mounts[name] = 0
        return self.say(" ".join(["mount", name, *words]))

    def umount(self):
        name = self.pick(self.mounts)
        if not name:
            return False
        lazy = self.chance(30)
        if lazy or not any(p.startswith(name + "/") for p in self.files):
            del self.mounts[name]
            for path in [p for p in self.files if p.startswith(name + "/")]:
                del self.files[path]
        return self.say(f"umount {name}{' lazy' if lazy else ''}")

    def create(self):
        mount = self.pick(self.mounts)
        if not mount or len(self.files) >= 5:
            return False
        path = f"{mount}/{self.new_name('f')}"
        self.files[path] = True
        return self.say(f"create {path}")

    def unlink(self):
        path = self.file(linked=True)
        if not path:
            return False
        if any(path in t.opens for t in self.tasks.values()):
            self.files[path] = False
        else:
            del self.files[path]
        return self.say(f"unlink {path}")

    def truncate(self):
        path = self.file()
        return bool(path) and self.say(f"truncate {path} {self.random.randrange(PAGES_MAX + 1)}")

    def cgroup(self):
        if len(self.groups) >= 2:
            return False
        name = self.new_name("G")
        self.groups.append(name)
        self.say(f"cgroup {name}")
        return self.limit()

    def limit(self):
        group = self.pick(self.groups)
        if not group:
            return False
        pages = self.random.randrange(8)
        value = self.pick((self.bytes_text(pages), self.bytes_text(pages),
                           str(pages * (2 << 20) + 4096), "max"))
        return self.say(f"write {group}/2M.{self.pick(('max', 'rsvd.max'))} {value}")

    def rmdir(self):
        group = self.pick(self.groups)
        if not group:
            return False
        if all(t.group != group for t in self.tasks.values()):
            self.groups.remove(group)
        elif self.chance(60):
            return False
        return self.say(f"rmdir {group}")

    def start(self):
        if len(self.tasks) >= TASKS_MAX:
            return False
        task = Task(self.new_task_name())
        words = []
        if self.chance(60):
            words.append(f"cpu={self.random.randrange(self.options.cpus)}")
        if self.groups and self.chance(50):
            task.group = self.pick(self.groups)
            words.append(f"cgroup={task.group}")
        elif self.options.cpusets and self.chance(20):
            words.append(f"cpuset={','.join(map(str, sorted({self.node(), self.node()})))}")
            task.confined = True
        self.tasks[task.name] = task
        return self.say(" ".join(["task", task.name, *words]))

    def fork(self):
        if len(self.tasks) >= TASKS_MAX:
            return False
        tasks = list(self.tasks.values())
        if self.options.live:
            tasks = [t for t in tasks if not t.private]
        parent = self.pick(tasks)
        if not parent:
            return False
        child = Task(self.new_task_name())
        child.maps = {name: m.copy() for name, m in parent.maps.items()}
        child.opens = set(parent.opens)
        child.confined, child.group = parent.confined, parent.group
        parent.forked = child.forked = True
        self.tasks[child.name] = child
        return self.say(f"{parent.name} fork {child.name}")

    def exit(self):
        if len(self.tasks) < 2 and self.chance(70):
            return False
        task = self.pick(self.tasks.values())
        if not task:
            return False
        self.drop_opens(task, list(task.opens))
        del self.tasks[task.name]
        return self.say(f"{task.name} exit")

    def cpu(self):
        task = self.pick(self.tasks)
        if not task or self.options.cpus < 2:
            return False
        return self.say(f"{task} cpu {self.random.randrange(self.options.cpus)}")

    def set_policy(self):
        task = self.pick(self.tasks)
        return bool(task) and self.say(f"{task} policy {self.policy()}")

    def join(self):
        task = self.pick([t for t in self.tasks.values() if not t.confined])
        if not task or not self.groups:
            return False
        task.group = self.pick(self.groups)
        return self.say(f"{task.name} join {task.group}")

    def map(self):
        task = self.pick([t for t in self.tasks.values() if len(t.maps) < MAPS_MAX])
        if not task:
            return False
        mapping = Map(self.pages())
        room = self.room()
        if room < mapping.pages and self.chance(60):
            if room <= 0:
                return self.write_pool() if self.chance(50) else self.unmap_all()
            mapping.pages = self.random.randrange(1, room + 1)
        words = [str(mapping.pages)]
        name = self.new_name("m")
        file = self.file() if self.chance(45) else None
        mapping.shared = self.chance(50 if file else 25)
        if self.options.live and task.forked:
            mapping.shared = True  # its children must not share private pages
        task.private |= not mapping.shared
        if mapping.shared:
            words.append("shared")
        if file:
            mapping.file = file
            words.append(f"file={file}")
            if self.chance(15):
                words.append(f"offset={self.random.randrange(1, 4)}")
        elif self.page_size():
            mapping.size, mapping.pages = "1G", 1
            words = ["1", "1G", *words[1:]]
        for word, percent in (("noreserve", 15), ("populate", 7), ("locked", 4),
                              ("readonly", 5)):
            if self.chance(percent):
                words.append(word)
        if room >= mapping.pages or "noreserve" in words or self.chance(15):
            task.maps[name] = mapping  # else it hardly comes to be
            self.named(task, name)
        return self.say(f"{task.name} map {name} {' '.join(words)}")

    def on_range(self, verb, change=None):
        task, name = self.task_and_map()
        if not task:
            return False
        text, pages = self.range(task.maps[name])
        if change:
            change(task, name, pages)
        self.named(task, name)
        return self.say(f"{task.name} {verb} {name}{text}")

    def touch(self):
        return self.on_range("touch")

    def read(self):
        return self.on_range("read")

    def unmap(self):
        def change(task, name, pages):
            task.maps[name].holes |= pages
            if len(task.maps[name].holes) == task.maps[name].pages:
                del task.maps[name]
        return self.on_range("unmap", change)

    def unmap_all(self):
        task, name = self.task_and_map()
        if not task:
            return False
        del task.maps[name]
        return self.say(f"{task.name} unmap {name}")

    def dontneed(self):
        return self.on_range("dontneed")

    def remove(self):
        return self.on_range("remove")

    def populate(self):
        return self.on_range(self.pick(("populate", "populate", "populate-read")))

    def lock(self):
        return self.on_range("lock")

    def bind(self):
        task, name = self.task_and_map()
        if not task:
            return False
        text, _ = self.range(task.maps[name])
        return self.say(f"{task.name} bind {name}{text} {self.policy()}")

    def migrate(self):
        task, name = self.task_and_map()
        if not task or self.options.nodes < 2:
            return False
        text, _ = self.range(task.maps[name])
        return self.say(f"{task.name} migrate {name}{text} {self.node()}")

    def resize(self):
        task, name = self.task_and_map()
        if not task:
            return False
        mapping = task.maps[name]
        pages = self.random.randrange(1, mapping.pages + 1 + self.chance(10))
        if not mapping.holes:
            mapping.pages = min(pages, mapping.pages)
        return self.say(f"{task.name} resize {name} {pages}")

    def move(self):
        task, name = self.task_and_map()
        return bool(task) and self.say(f"{task.name} move {name}")

    def drop_opens(self, task, paths):
        for path in paths:
            task.opens.discard(path)
            if any(path in t.opens for t in self.tasks.values() if t is not task):
                continue
            self.memfds.discard(path)
            if self.files.get(path) is False:
                del self.files[path]

    def open(self):
        task = self.pick(self.tasks.values())
        path = self.file(linked=True)
        if not task or not path or path in task.opens:
            return False
        task.opens.add(path)
        return self.say(f"{task.name} open {path}")

    def close(self):
        task = self.pick([t for t in self.tasks.values() if t.opens])
        if not task:
            return False
        path = self.pick(sorted(task.opens))
        self.drop_opens(task, [path])
        return self.say(f"{task.name} close {path}")

    def memfd(self):
        task = self.pick(self.tasks.values())
        if not task or len(self.memfds) >= 2:
            return False
        name = self.new_name("F")
        self.memfds.add(name)
        task.opens.add(name)
        return self.say(f"{task.name} memfd {name} {self.pages()}")

    def on_file(self, verb):
        task, path = self.pick(self.tasks), self.file()
        if not task or not path:
            return False
        start = self.random.randrange(PAGES_MAX)
        return self.say(f"{task} {verb} {path} {start} "
                        f"{self.random.randrange(1, PAGES_MAX + 1 - start)}")

    def fallocate(self):
        return self.on_file("fallocate")

    def punch(self):
        return self.on_file("punch")

    def shmget(self):
        task = self.pick(self.tasks)
        if not task or len(self.segments) >= 2:
            return False
        name = self.new_name("S")
        self.segments[name] = self.pages()
        words = " noreserve" if self.chance(20) else ""
        return self.say(f"{task} shmget {name} {self.segments[name]}{words}")

    def shmat(self):
        task = self.pick([t for t in self.tasks.values() if len(t.maps) < MAPS_MAX])
        segment = self.pick(self.segments)
        if not task or not segment:
            return False
        name = self.new_name("m")
        task.maps[name] = Map(self.segments[segment], shared=True)
        self.named(task, name)
        return self.say(f"{task.name} shmat {segment} {name}")

    def rmid(self):
        segment = self.pick(self.segments)
        if not segment:
            return False
        del self.segments[segment]
        return self.say(f"rmid {segment}")

    def fault(self):
        if not self.options.faults:
            return False
        task, name = self.task_and_map()
        if not task:
            return False
        verb = self.pick(("soft-offline", "poison"))
        return self.say(f"{task.name} {verb} {name} "
                        f"{self.random.randrange(task.maps[name].pages)}")

    # ---- short stories: steps that meet where rules meet

    def tell(self, task, name, *verbs):
        """Steps on one mapping of one task, if both are there."""
        for verb in verbs:
            if task.name in self.tasks and name in task.maps:
                text, _ = self.range(task.maps[name])
                self.say(f"{task.name} {verb} {name}{text}")
        return True

    def story_fork(self):
        """Both sides of a fork write to the same pages."""
        if not self.map() or not self.mapped or self.mapped[-1][0] not in self.tasks:
            return False
        task, name = self.mapped[-1]
        task = self.tasks[task]
        if name not in task.maps:
            return True
        self.tell(task, name, "touch")
        if task.private and self.options.live:
            return True
        if len(self.tasks) >= TASKS_MAX:
            return True
        child = Task(self.new_task_name())
        child.maps = {n: m.copy() for n, m in task.maps.items()}
        child.opens = set(task.opens)
        child.confined, child.group = task.confined, task.group
        task.forked = child.forked = True
        self.tasks[child.name] = child
        self.say(f"{task.name} fork {child.name}")
        sides = [task, child]
        for _ in range(self.random.randrange(2, 6)):
            self.tell(self.pick(sides), name, self.pick(("touch", "touch", "read", "dontneed")))
        return True

    def story_surplus(self):
        """More than the pool has, then less again."""
        self.say(f"write 2M/nr_overcommit_hugepages {self.random.randrange(1, 5)}")
        if self.map() and self.mapped and self.mapped[-1][0] in self.tasks:
            task, name = self.mapped[-1]
            self.tell(self.tasks[task], name, "touch", "dontneed", "touch")
        return self.write_pool()

    def story_file(self):
        """Private copies over the pages of a file that changes its size."""
        path = self.file()
        task = self.pick([t for t in self.tasks.values() if len(t.maps) < MAPS_MAX])
        if not path or not task:
            return False
        name = self.new_name("m")
        task.maps[name] = Map(self.pages(), file=path, shared=self.options.live)
        self.named(task, name)
        self.say(f"{task.name} fallocate {path} 0 {self.random.randrange(1, 5)}")
        self.say(f"{task.name} map {name} {task.maps[name].pages} "
                 f"{'shared ' if self.options.live else ''}file={path}")
        self.tell(task, name, "touch")
        self.say(self.pick((f"truncate {path} {self.random.randrange(4)}",
                            f"{task.name} punch {path} {self.random.randrange(3)} 2")))
        return self.tell(task, name, "touch")

    def kinds(self):
        return [
            (self.write_pool, 8), (self.write_overcommit, 3), (self.write_demote, 3),
            (self.mount, 3), (self.umount, 2), (self.create, 5), (self.unlink, 2),
            (self.truncate, 4), (self.cgroup, 1), (self.limit, 2), (self.rmdir, 1),
            (self.start, 5), (self.fork, 3), (self.exit, 5), (self.cpu, 2),
            (self.set_policy, 4), (self.join, 1), (self.map, 14), (self.touch, 18),
            (self.read, 4), (self.unmap, 5), (self.unmap_all, 5), (self.dontneed, 5),
            (self.remove, 2), (self.populate, 2), (self.lock, 1), (self.bind, 2),
            (self.migrate, 3), (self.resize, 3), (self.move, 2), (self.open, 2),
            (self.close, 2), (self.memfd, 1), (self.fallocate, 4), (self.punch, 4),
            (self.shmget, 1), (self.shmat, 2), (self.rmid, 1), (self.fault, 2),
            (self.story_fork, 2), (self.story_surplus, 1), (self.story_file, 1),
        ]

    def begin(self):
        if self.options.kernel:
            self.lines.append(f"kernel {self.options.kernel}")
        if self.options.cpus == self.options.nodes:
            self.lines.append(f"nodes {self.options.nodes}")
        else:
            each = self.options.cpus // self.options.nodes
            for node in range(self.options.nodes):
                first = node * each
                self.lines.append(f"node {node} memory=1G cpus={first}-{first + each - 1}")
        setup = len(self.lines)
        self.spread(self.random.randrange(2, NODE_POOL_MAX + 1))
        self.say(f"write 2M/nr_hugepages {sum(self.pool)}")
        self.say(f"task {self.new_task_name()}")
        self.tasks["A"] = Task("A")
        return setup

    def text(self, steps):
        setup = self.begin()
        makers, weights = zip(*self.taste)
        while len(self.lines) - setup < steps:
            if len(self.tasks) < self.random.randrange(3):
                self.start()
            self.random.choices(makers, weights)[0]()
        return "\n".join(self.lines[:setup + steps]) + "\n"


def make(seed, steps, nodes=1, cpus=None, kernel="", live=False, faults=False, gigantic=False,
         cpusets=True):
    options = argparse.Namespace(nodes=nodes, cpus=cpus or nodes, kernel=kernel, live=live,
                                 faults=faults, gigantic=gigantic,
                                 cpusets=cpusets and nodes > 1 and not live)
    return Scenario(seed, options).text(steps)


def main():
    parser = argparse.ArgumentParser(
        prog="generate",
        description="Print a random scenario: the same seed gives the same text.")
    parser.add_argument("seed", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--cpus", type=int, help="of all nodes (default: one a node)")
    parser.add_argument("--kernel", default="", help="write this preset into the scenario")
    parser.add_argument("--live", action="store_true",
                        help="nothing that trips bugs of 6.18: for a machine that matters")
    parser.add_argument("--faults", action="store_true", help="memory failures too")
    parser.add_argument("--gigantic", action="store_true", help="pages of 1G too")
    parser.add_argument("--pins", choices=sorted(generate_pins.HOSTS),
                        help="about long-term pins, on a host with such memory")
    parser.add_argument("--odd", action="store_true",
                        help="with --pins: forks, and pins that outlive their mapping")
    args = parser.parse_args()
    if args.pins:
        sys.stdout.write(generate_pins.make(args.seed, args.steps, args.pins, args.odd))
        return
    sys.stdout.write(make(args.seed, args.steps, args.nodes, args.cpus, args.kernel, args.live,
                          args.faults, args.gigantic))

