"""Reading the machine's apt sources, and deriving those of another Debian suite.

The harness knows no registry host. It takes the address the machine already uses for
Debian and exchanges the suite: a security suite is asked where the machine gets its
security updates, every other suite where it gets its release.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from .errors import GuestError

# Names a Debian suite can start with. Third-party sources invent their own and are
# thereby left alone. Newer code names go here.
RELEASES = ("bullseye", "bookworm", "trixie", "forky", "duke", "sid",
            "oldoldstable", "oldstable", "stable", "testing", "unstable")
POCKETS = ("", "-security", "/updates", "-updates", "-backports")


@dataclass(frozen=True)
class Source:
    """One `deb` source: every address with every suite."""

    uris: tuple
    suites: tuple
    components: tuple = ()
    options: dict = field(default_factory=dict, hash=False)  # lower case: 'signed-by', 'trusted'


def parse_one_line(text):
    """Parse sources.list format: deb [name=value ...] URI SUITE COMPONENT..."""
    sources = []
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$", line)
        if not match:
            continue
        options_text, uri, suite, components = match.groups()
        options = {}
        for word in shlex.split(options_text or ""):
            name, _, value = word.partition("=")
            options[name.rstrip("+-").lower()] = value
        sources.append(Source((uri,), (suite,), tuple(components.split()), options))
    return sources


def _paragraphs(text):
    """Split deb822 text into dictionaries; continuation lines are joined by newlines."""
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        fields, name = {}, None
        for line in block.split("\n"):
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                if name:
                    fields[name] += "\n" + line.strip()
                continue
            name, colon, value = line.partition(":")
            name = name.strip().lower()
            if not colon:
                name = None
                continue
            fields[name] = value.strip()
        if fields:
            yield fields


def parse_deb822(text):
    """Parse .sources format. Disabled paragraphs and deb-src are left out."""
    sources = []
    for fields in _paragraphs(text):
        if fields.pop("enabled", "yes").lower() in ("no", "false", "off", "0", "disable"):
            continue
        if "deb" not in fields.pop("types", "").split():
            continue
        uris = tuple(fields.pop("uris", "").split())
        suites = tuple(fields.pop("suites", "").split())
        components = tuple(fields.pop("components", "").split())
        if uris and suites:
            sources.append(Source(uris, suites, components, fields))
    return sources


def read_machine_sources(list_file, parts_dir):
    """All sources apt would read. Returns them with the names of the files looked at."""
    sources, looked_at = [], []
    files = [Path(list_file)]
    if Path(parts_dir).is_dir():
        files += sorted(Path(parts_dir).iterdir())
    for path in files:
        if not path.is_file():
            continue
        parse = {".list": parse_one_line, ".sources": parse_deb822}.get(path.suffix)
        if parse:
            looked_at.append(str(path))
            sources += parse(path.read_text(encoding="utf-8", errors="replace"))
    return sources, looked_at


def split_suite(suite):
    """('bookworm', '-security') for 'bookworm-security'; None when it is not Debian's."""
    for release in RELEASES:
        pocket = suite[len(release):]
        if suite.startswith(release) and pocket in POCKETS:
            return release, "-security" if pocket == "/updates" else pocket
    return None


def derive(sources, suite, arch, keyring, looked_at=()):
    """The deb822 text for one suite and architecture, from the machine's own sources."""
    split = split_suite(suite)
    if not split:
        raise GuestError(f"'{suite}' is not the name of a Debian suite")
    wanted_pocket = "-security" if split[1] == "-security" else ""
    for source in sources:
        pockets = {s[1] for s in map(split_suite, source.suites) if s}
        if wanted_pocket not in pockets or "main" not in source.components:
            continue
        lines = ["Types: deb", "URIs: " + " ".join(source.uris), "Suites: " + suite,
                 "Components: main", "Architectures: " + arch]
        # The archive keyring knows every release; the machine's own key may know only one.
        signed_by = keyring or source.options.get("signed-by", "")
        if signed_by:
            lines.append("Signed-By: " + signed_by.replace("\n", "\n "))
        if source.options.get("trusted", "") == "yes":
            lines.append("Trusted: yes")
        return "\n".join(lines) + "\n"
    kind = "security updates" if wanted_pocket else "a release"
    raise GuestError(
        f"find where this machine gets Debian packages for '{suite}': no apt source carries "
        f"{kind} of Debian (looked at {', '.join(looked_at) or 'no file'})",
        "add a source of Debian with component 'main' to the machine's apt configuration",
    )


def own_release(sources):
    """The code name of the release this machine runs, as its sources tell."""
    for source in sources:
        for suite in source.suites:
            split = split_suite(suite)
            if split and split[1] == "":
                return split[0]
    raise GuestError("tell this machine's Debian release: no apt source carries one",
                     "add a source of Debian to the machine's apt configuration")
