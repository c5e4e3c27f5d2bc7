#!/usr/bin/env python3
"""test_set_random.py WEIR PLANS [COUNT [SEED]]: random plans under a random workload on the
running kernel: what `weir set` predicts is what is there afterwards, and what it refuses
changes nothing. The long run, in guests too, is `make plans`."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plans"))

import planslib  # noqa: E402
import pools  # noqa: E402

WEIR, PLANS = sys.argv[1:3]
COUNT = sys.argv[3] if len(sys.argv) > 3 else "40"
SEED = sys.argv[4] if len(sys.argv) > 4 else str(time.time_ns() % 1000000)
MOST_2M, MOST_1G = "400", "1"  # pages: less than 2 GiB in all
M2 = 2 << 20


def plans_come_out_as_predicted():
    pools.need([M2])
    print(f"# seed {SEED}, {COUNT} plans", flush=True)
    with pools.saved_pools(), tempfile.TemporaryDirectory(prefix="weir-plans.") as scratch:
        done = subprocess.run([PLANS, WEIR, SEED, COUNT, MOST_2M, MOST_1G, scratch],
                              capture_output=True, text=True)
    counts, wrong = planslib.judge_run(done.stdout)
    print(f"# {planslib.words(counts)}")
    if wrong:
        raise AssertionError(f"{wrong} of {COUNT} plans came out otherwise")
    if not counts["done"]:
        raise AssertionError("no plan was carried out")


if __name__ == "__main__":
    sys.exit(pools.run_tests([plans_come_out_as_predicted]))
