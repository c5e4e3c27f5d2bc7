"""The command line of the guest harness."""

import argparse
import sys
from pathlib import Path

from . import kernels, run, sysroot
from .cache import cache_dir
from .errors import STATUS_HARNESS, GuestError
from .kernelname import ARCHES, parse_kernel_name

CONSOLE_TAIL = 40  # lines shown of a guest that failed

EPILOG = """\
exit status:
  0..119  the script's own
  120     harness error: nothing can be said about the test
  121     the script ended with a status above 119
  124     timeout
  125     the guest died: panic, power off, or QEMU ended
  128+N   the harness was stopped by signal N

The cache is $WEIR_GUEST_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/weir/guest.
"""


def _fetch(args):
    if not args.name:
        raise GuestError("fetch: name at least one KERNEL or package", "see 'guest kernels'")
    if args.packages:
        print(sysroot.fetch(args.packages, args.name, args.deps, args.refresh))
        return 0
    status = 0
    for name in [parse_kernel_name(text) for text in args.name]:
        try:
            sysroot.fetch(name.arch, ["busybox-static"])
            kernel, new = kernels.fetch(name, args.refresh)
        except GuestError as e:  # the others may still be had
            _report(e)
            status = e.status
            continue
        state = "fetched" if new else "in the cache"
        print(f"{kernel.name:<16} {state}: {kernel.release} ({kernel.package_version})",
              flush=True)
    return status


def _kernels(_args):
    known = {k.name: k for k in kernels.list_cached()}
    print(f"cache: {cache_dir()}")
    print(f"{'KERNEL':<18} {'STATE':<9} {'RELEASE':<28} {'VERSION':<22} SUITE")
    for k in known.values():
        print(f"{k.name:<18} {'cached':<9} {k.release:<28} {k.package_version:<22} {k.suite}")
    for arch in ARCHES:
        for version, suites in kernels.SUITE_HINTS.items():
            for flavour in ("", "-cloud"):
                name = str(parse_kernel_name(f"{arch}/{version}{flavour}"))
                if name not in known:
                    print(f"{name:<18} {'fetchable':<9} {'-':<28} {'-':<22} {suites[0]}")
    return 0


def _run(args):
    if (args.script is None) == (args.command is None):
        raise GuestError("run: name either a SCRIPT or -c 'shell text'")
    if args.script is None:
        script = args.command.encode() + b"\n"
    else:
        try:
            script = Path(args.script).read_bytes()
        except OSError as e:
            raise GuestError(f"read the script {args.script}: {e.strerror}") from e
    request = run.Request(
        kernel=args.kernel, script=script, nodes=args.nodes, mem=args.mem, cpus=args.cpus,
        node_memory=args.node_memory, append=args.append, arch=args.arch,
        modules=args.module, files=args.file, progs=args.prog, libs=args.lib,
        trees=args.tree, get=args.get, out=args.out, timeout_s=args.timeout, machine_args=args.machine_args, console_file=args.console,
        verbose=args.verbose)
    run.stop_on_signals()
    phases = run.Phases()
    try:
        return run.run(request, phases)
    finally:
        if args.time:
            sys.stderr.write(phases.text())


def _add_run_options(p):
    p.add_argument("--kernel", default="6.12", metavar="KERNEL",
                   help="a kernel in the cache, or the path of an own image (default: 6.12)")
    p.add_argument("--arch", choices=ARCHES, default="amd64",
                   help="the architecture of an own image (default: amd64)")
    p.add_argument("--nodes", type=int, metavar="N", help="NUMA nodes (default: as --mem names)")
    p.add_argument("--mem", default="512M", metavar="SIZE[,SIZE...]",
                   help="memory of each node, or of one node after the other; a node with 0 "
                   "gets a CPU (default: 512M)")
    p.add_argument("--cpus", default="", metavar="N[,N...]",
                   help="CPUs in all, or of one node after the other (default: as few as work)")
    p.add_argument("--node-memory", action="append", default=[], metavar="OBJECT",
                   help="QEMU's -object for the memory of the first node, the next one and so "
                   "on: its id is node0, node1 ... (default: pages as the guest touches them)")
    p.add_argument("--append", default="", metavar="TEXT", help="more kernel arguments")
    p.add_argument("--module", action="append", default=[], metavar="NAME",
                   help="insert a module, and before it those it needs; may carry parameters: "
                   "'NAME a=1'")
    p.add_argument("--file", action="append", default=[], metavar="HOST[:GUEST]",
                   help="put a file into the guest (default: at its path on the host)")
    p.add_argument("--prog", action="append", default=[], metavar="HOST[:GUEST]",
                   help="put a program with its libraries into the guest (default: into "
                   "/usr/local/bin)")
    p.add_argument("--lib", action="append", default=[], metavar="SONAME|PATH",
                   help="put a library that is opened at run time, with its libraries")
    p.add_argument("--tree", action="append", default=[], metavar="DIR:GUEST",
                   help="put a directory into the guest")
    p.add_argument("--get", action="append", default=[], metavar="GUEST",
                   help="bring a file or directory back, to its path below --out")
    p.add_argument("--out", default="", metavar="DIR", help="where --get puts files")
    p.add_argument("--timeout", type=float, default=120, metavar="S",
                   help="seconds until the guest is stopped (default: 120)")
    p.add_argument("--machine-args", action="append", default=[], metavar="TEXT",
                   help="more QEMU arguments, split as a shell would")
    p.add_argument("--console", default="", metavar="FILE", help="write the console to a file")
    p.add_argument("--verbose", "-v", action="store_true", help="show the console on stderr")
    p.add_argument("--time", action="store_true", help="show how long each phase took")
    p.add_argument("-c", dest="command", metavar="TEXT", help="shell text to run")
    p.add_argument("script", nargs="?", metavar="SCRIPT", help="script to run with busybox sh")


def _parser():
    parser = argparse.ArgumentParser(
        prog="guest", description="Run a test script in a small Linux guest under QEMU.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    p = commands.add_parser("fetch", help="fetch kernels or packages into the cache")
    p.add_argument("name", nargs="*", metavar="KERNEL|PACKAGE",
                   help="[arch/]VERSION[-FLAVOUR]: 6.12, 6.1-cloud, arm64/6.12; or with "
                   "--packages the names of packages")
    p.add_argument("--packages", choices=ARCHES, metavar="ARCH",
                   help="unpack packages for ARCH into a sysroot, and print its directory")
    p.add_argument("--deps", action="store_true",
                   help="with --packages: and all they depend on")
    p.add_argument("--refresh", action="store_true", help="look for newer versions")
    p.set_defaults(call=_fetch)
    p = commands.add_parser("kernels", help="list what is cached and what can be fetched")
    p.set_defaults(call=_kernels)
    p = commands.add_parser("run", help="run a script in a guest", epilog=EPILOG,
                            formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_run_options(p)
    p.set_defaults(call=_run)
    return parser


def _report(error):
    if error.console:
        lines = error.console.rstrip("\n").split("\n")
        for line in lines[-CONSOLE_TAIL:]:
            print(f"console| {line}", file=sys.stderr)
    print(f"guest: {error}", file=sys.stderr)
    if error.hint:
        print(f"guest: help: {error.hint}", file=sys.stderr)


def _bind_values(argv):
    """'--append -x' as '--append=-x': argparse takes no value that begins with a dash."""
    bound, rest = [], list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("--append", "--machine-args") and rest:
            word += "=" + rest.pop(0)
        bound.append(word)
    return bound


def main(argv=None):
    try:
        args = _parser().parse_args(_bind_values(sys.argv[1:] if argv is None else argv))
    except SystemExit as e:  # argparse says 2, which a script could say too
        return STATUS_HARNESS if e.code else 0
    try:
        return args.call(args)
    except GuestError as e:
        _report(e)
        return e.status
    except OSError as e:
        print(f"guest: {e}", file=sys.stderr)
        return STATUS_HARNESS
