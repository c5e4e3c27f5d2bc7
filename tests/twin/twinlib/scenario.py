"""A scenario as text: its host, its steps, and what is left when steps are taken away."""

import re

SETUP = ("kernel", "nodes", "node", "zone", "sizes", "boot")
ON_MAPPING = ("unmap", "touch", "read", "resize", "move", "dontneed", "remove", "populate",
              "populate-read", "lock", "pin", "unpin", "bind", "migrate", "soft-offline", "poison")
ON_FILE = ("open", "close", "fallocate", "punch")


class Scenario:
    """Setup lines and steps, without comments and expectations.

    @expects: what stood behind steps, by their number from 1 (0: the start). A kernel is asked
    for it too; cut down, a scenario has none.
    """

    def __init__(self, name, setup, steps, origin="", expects=None):
        self.name = name
        self.setup = setup
        self.steps = steps
        self.origin = origin  # for people: a seed, a path
        self.expects = expects or {}

    @classmethod
    def parse(cls, name, text, origin=""):
        setup, steps, expects = [], [], {}
        for line in text.splitlines():
            line = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
            line, *terms = [part.strip() for part in re.split(r"\s->(?:\s|$)", line)]
            words = line.split()
            if not words:
                continue
            if words[0] == "expect":
                terms = [line.split(None, 1)[1]]
            else:
                (setup if words[0] in SETUP else steps).append(line)
            if terms:
                expects.setdefault(len(steps), []).extend(terms)
        return cls(name, setup, steps, origin, expects)

    def text(self):
        lines = list(self.setup)
        for number, step in enumerate([None, *self.steps]):
            lines += [step] if step else []
            lines += [f"expect {term}" for term in self.expects.get(number, [])]
        return "\n".join(lines) + "\n"

    def with_steps(self, name, steps):
        return Scenario(name, self.setup, steps, self.origin)

    def _said(self, word):
        return [line.split(None, 1)[1] for line in self.setup if line.split()[0] == word]

    def kernel(self):
        """The preset it is about, or ''."""
        said = self._said("kernel")
        return said[0].strip() if said else ""

    def boot(self):
        """The kernel command line it is about, or ''."""
        said = self._said("boot")
        return said[0].strip() if said else ""

    def zones(self):
        """The zones it is about, as {"managed": pages, ...} with "name"."""
        return [dict([("name", line.split()[1])]
                     + [word.split("=", 1) for word in line.split()[2:]])
                for line in self._said("zone")]

    def guest(self):
        """(architecture, kernel command line) of a guest with such zones: CMA have the arm64
        kernels; ZONE_MOVABLE all have."""
        zones = self.zones()
        cma = sum(int(z.get("cma", 0)) for z in zones)
        movable = sum(int(z["managed"]) for z in zones if z["name"] == "Movable")
        if cma:
            return "arm64", f"cma={cma * 4 // 1024}M"
        if movable:  # what is managed lacks some of it
            return "amd64", f"movablecore={-(-movable * 4 // 1024 // 64) * 64}M"
        return "amd64", ""

    def with_zones(self, lines):
        """The same of a host with these zones."""
        setup = [line for line in self.setup if line.split()[0] != "zone"]
        return Scenario(self.name, setup + lines, self.steps, self.origin, self.expects)

    def host(self):
        """(memory, CPUs) of each node, as texts for a guest; one node when it says nothing."""
        for line in self._said("nodes"):
            return ("1G",) * int(line), (1,) * int(line)
        memory, cpus = [], []
        for line in self._said("node"):
            words = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
            memory.append(words.get("memory", "1G"))
            cpus.append(count_list(words["cpus"]) if "cpus" in words else 1)
        return (tuple(memory), tuple(cpus)) if memory else (("4G",), (2,))


def count_list(text):
    """How many numbers '0-3,8' has."""
    total = 0
    for part in text.split(","):
        if part:
            first, _, last = part.partition("-")
            total += int(last or first) - int(first) + 1
    return total


class _Names:
    """What is known at some step, by the rules of the parser in src/lab."""

    def __init__(self):
        self.tasks = {}  # of the living: the mappings they have named
        self.known = set()

    def has_file(self, path):
        return path.partition("/")[0] in self.known

    def admin(self, words):
        verb, name = words[0], words[1] if len(words) > 1 else ""
        if verb == "task":
            group = [w[7:] for w in words if w.startswith("cgroup=")]
            if name in self.tasks or (group and group[0] not in self.known):
                return False
            self.tasks[name] = set()
        elif verb in ("mount", "cgroup"):
            self.known.add(name)
        elif verb in ("umount", "rmdir", "rmid"):
            return name in self.known
        elif verb in ("create", "unlink", "truncate"):
            return self.has_file(name)
        elif verb == "write":
            first = name.partition("/")[0]
            return not first or first[0].isdigit() or first == "proc" or first in self.known
        return True

    def of_task(self, words):
        mine = self.tasks[words[0]]
        verb, name = words[1], words[2] if len(words) > 2 else ""
        if verb == "fork":
            if name in self.tasks:
                return False
            self.tasks[name] = set(mine)
        elif verb == "exit":
            del self.tasks[words[0]]
        elif verb == "join":
            return name in self.known
        elif verb == "map":
            files = [w[5:] for w in words if w.startswith("file=")]
            if files and not self.has_file(files[0]):
                return False
            mine.add(name)
        elif verb in ("memfd", "shmget"):
            self.known.add(name)
        elif verb == "shmat":
            if name not in self.known:
                return False
            mine.add(words[3])
        elif verb in ON_MAPPING:
            return name in mine
        elif verb in ON_FILE:
            return self.has_file(name)
        return True

    def takes(self, step):
        words = step.split()
        return self.of_task(words) if words[0] in self.tasks else self.admin(words)


ADMIN = ("write", "task", "mount", "umount", "create", "unlink", "truncate", "rmid", "cgroup",
         "rmdir", "offline", "poison-free")


def prune(steps, numbers):
    """Of the steps with these numbers, in order, those that name only what is there."""
    names, kept = _Names(), []
    for number in numbers:
        first = steps[number].split()[0]
        if (first in names.tasks or first in ADMIN) and names.takes(steps[number]):
            kept.append(number)
    return kept
