"""Kills haplo-poll repeatedly while everything around it fails, and compares
what is stored and forwarded with what the servers had. Then damages the inbox
in many ways and checks how it copes. Then lets a second process use the inbox,
truncates it, restores older copies and moves servers, while other programs read
the inbox. Takes an outlet's destination away for a minute. Kills haplo-poll
and the server of an inbox in PostgreSQL. Last, kills haplo-poll and the
counterpart of each type of outlets. On request only: lets several hosts share
one PostgreSQL, while they, it and the network fail.

    run.py [--part=torture|damage|mishaps|outage|postgres|outlets|hosts]
           [--seed=N] [--kills=N] [--messages=N] [--rounds=N] [--type=webhook]
           [--faults=N]

Prints the figures of all parts; exits with 1 if a check fails. The same seed
gives the same plan: servers, faults, arrivals, and how each round fails and
ends. The timing on the machine still differs between runs.
"""
import argparse
import os
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent

# Runs with several hosts: their share of the faults, whether the hosts have
# leases, and whether PgBouncer is in front of the database.
HOSTS = ((0.1, False, False), (0.1, False, True), (0.4, True, False),
         (0.4, True, True))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--kills", type=int, default=350)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--queues", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--part",
                        choices=["torture", "damage", "mishaps", "outage",
                                 "postgres", "outlets", "hosts"])
    parser.add_argument("--faults", type=int, default=500,
                        help="of the part hosts, all runs together")
    parser.add_argument("--type", help="of outlets; all if there is none")
    return parser.parse_args()


def say(line):
    print(line, flush=True)


def run_torture(args, seed):
    """Returns true if all checks passed."""
    from plan import Plan
    from torture import Torture

    plan = Plan(seed, args.kills, args.messages, args.queues)
    try:
        report = Torture(plan, say).run()
    except AssertionError as error:
        say(f"torture, seed {seed}: {error}")
        return False
    say(f"torture, seed {seed}: {report}")
    return report["lost"] + report["repeats"] == 0


def run_damage(seed):
    """Returns true if all checks passed."""
    import damage

    begin = time.monotonic()
    with damage.Bench() as bench:
        codes, faults = damage.sweep(
            bench, damage.every_case(bench, random.Random(seed)))
    for fault in faults:
        say(fault)
    ends = ", ".join(f"{count} with {code}"
                     for code, count in sorted(codes.items()))
    say(f"damage, seed {seed}: "
        f"{sum(codes.values()) + len(faults)} cases, exits {ends}; "
        f"wrong {len(faults)}; {round(time.monotonic() - begin)} s")
    return not faults and sum(codes.values()) > 0


def run_mishaps(seed, rounds):
    """Returns true if all checks passed."""
    import mishaps

    try:
        mishaps.run(seed, rounds, say)
    except AssertionError as error:
        say(f"mishaps, seed {seed}: {error}")
        return False
    return True


def run_outage():
    """Returns true if all checks passed."""
    import outage

    try:
        outage.run(60, say)
    except AssertionError as error:
        say(f"outage: {error}")
        return False
    return True


def run_postgres(seed):
    """Returns true if all checks passed, or the type is not built in."""
    import postgres
    from poll import run_program

    if "postgres" not in run_program("version").out.split():
        return True
    try:
        postgres.run(seed, say)
    except AssertionError as error:
        say(f"postgres, seed {seed}: {error}")
        return False
    return True


def run_outlets(seed, kind):
    """Returns true if all checks passed."""
    import outlets

    is_good = True
    for one in [kind] if kind else outlets.types_included():
        try:
            outlets.run(one, outlets.Plan(seed), say)
        except AssertionError as error:
            say(f"outlets, {one}, seed {seed}: {error}")
            is_good = False
    return is_good


def run_hosts(seed, faults):
    """Returns true if all checks passed."""
    import hosts
    from hosts_plan import Plan

    is_good, late = True, 0
    for number, (share, has_leases, has_bouncer) in enumerate(HOSTS):
        plan = Plan(seed + number, round(faults * share), 3,
                    has_leases=has_leases)
        try:
            figures = hosts.run(plan, has_bouncer, say)
            late += figures["stale"] if has_leases else 0
        except AssertionError as error:
            say(f"hosts, seed {plan.seed}: {error}")
            is_good = False
    if late == 0:
        say("hosts: no commit came too late, so this was not tested")
    return is_good and late > 0


def main():
    args = parse()
    os.environ["HAPLO_BUILD"] = os.path.abspath(args.build)
    sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
    seed = args.seed or random.SystemRandom().randrange(1, 1 << 32)
    is_good = True
    if args.part in (None, "torture"):
        say(f"torture, seed {seed}: {args.kills} kills at least")
        is_good &= run_torture(args, seed)
    if args.part in (None, "damage"):
        is_good &= run_damage(seed)
    if args.part in (None, "mishaps"):
        is_good &= run_mishaps(seed, args.rounds)
    if args.part in (None, "outage"):
        is_good &= run_outage()
    if args.part in (None, "postgres"):
        is_good &= run_postgres(seed)
    if args.part in (None, "outlets"):
        is_good &= run_outlets(seed, args.type)
    if args.part == "hosts":
        say(f"hosts, seed {seed}: {args.faults} faults; to repeat it: make "
            f"torture-hosts SEED={seed} FAULTS={args.faults}")
        is_good &= run_hosts(seed, args.faults)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
