"""Runs the fuzz targets: make fuzz; see README.md.

Each target starts from the seeds and the inputs that are kept in corpus/, a
file for each target, and works in a folder below the build. What crashed, leaked, took too long or too
much memory is kept there, and its command printed. The last line is "N targets,
N failed"; exits with 1 if one failed.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT_S = 5       # of one input
RSS_LIMIT_MB = 1024
MAX_LEN = {"value": 600, "inbox": 3000, "config": 8192,
           "mark": 8192, "page": 8192}
MAX_LEN_ELSE = 20000  # a body moves when it outgrows 8 KB
KEEP_SIZE_MAX = 2000  # of an input that is no seed
CONFIG_WORDS = {"config", "value"}  # what config.dict is for
COLUMNS = "target executions a_second coverage corpus crashes leaks result"


def pack(path, inputs):
    """A line with the size of each, and its bytes."""
    path.parent.mkdir(exist_ok=True)
    with open(path, "wb") as file:
        for data in inputs:
            file.write(b"%d\n%s" % (len(data), data))


def unpack(path):
    if not path.exists():
        return
    with open(path, "rb") as file:
        while line := file.readline():
            yield file.read(int(line))


class Target:
    def __init__(self, build, name):
        self.name = name
        self.binary = build / "fuzz" / name
        self.work = build / "work" / name
        self.found = build / "found"
        self.log = build / "work" / f"{name}.log"
        self.corpus = HERE / "corpus" / name
        self.folders = [self.work, build / "seeds" / name,
                        build / "kept" / name]

    def command(self, *options):
        words = "config" if self.name in CONFIG_WORDS else "haplo"
        return [self.binary, *options, f"-timeout={TIMEOUT_S}",
                f"-rss_limit_mb={RSS_LIMIT_MB}",
                f"-max_len={MAX_LEN.get(self.name, MAX_LEN_ELSE)}",
                f"-dict={HERE / words}.dict", "-detect_leaks=1",
                f"-artifact_prefix={self.found}/{self.name}-"]

    def prepare(self):
        """Makes the folders, and unpacks what is kept."""
        for folder in [*self.folders, self.found]:
            folder.mkdir(parents=True, exist_ok=True)
        for data in unpack(self.corpus):
            name = hashlib.sha1(data).hexdigest()
            (self.folders[2] / name).write_bytes(data)

    def run(self, seconds):
        """Fuzzes for so long; a row of the table, and what was found."""
        self.prepare()
        with open(self.log, "wb") as log:
            done = subprocess.run(
                self.command(f"-max_total_time={seconds}",
                             "-print_final_stats=1") + self.folders,
                stdout=log, stderr=log, check=False, cwd=ROOT)
        text = self.log.read_text(errors="replace")
        row = self.figures(text)
        ran = row["executions"] > 0 and row["coverage"] > 0
        result = self.result(text, done.returncode, ran)
        row["leaks"] = int(result == "LEAK")
        row["crashes"] = int(result not in ("ok", "LEAK"))
        row["result"] = result
        return row, re.findall(r"Test unit written to (\S+)", text)

    def figures(self, text):
        def last(pattern):
            found = re.findall(pattern, text)
            return int(found[-1]) if found else 0

        return {"target": self.name,
                "executions": last(r"number_of_executed_units: (\d+)"),
                "a_second": last(r"average_exec_per_sec: +(\d+)"),
                "coverage": last(r" cov: (\d+)"),
                "corpus": last(r" corp: (\d+)")}

    @staticmethod
    def result(text, code, ran):
        if code == 0:
            return "ok" if ran else "NOTHING RUN"
        for word, sign in (("LEAK", "LeakSanitizer: detected"),
                           ("TIMEOUT", "ERROR: libFuzzer: timeout"),
                           ("MEMORY", "ERROR: libFuzzer: out-of-memory")):
            if sign in text:
                return word
        return "CRASH"


def print_row(cells):
    print("{:10}{:>11}{:>10}{:>10}{:>8}{:>9}{:>7}  {}".format(*cells),
          flush=True)


def print_found(target, build, paths):
    print(f"  {target.log} has the report")
    for path in paths:
        print(f"  again:    {target.binary} {path}\n"
              f"  no clang: make unit-binaries && "
              f"build/test/test_fuzz_{target.name} {path}", flush=True)


def fuzz(targets, build, seconds):
    """Two at a time, as there are cores. How many failed."""
    failed = 0
    print_row(COLUMNS.split())
    jobs = min(2, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(t.run, seconds): t for t in targets}
        for run in concurrent.futures.as_completed(runs):
            row, paths = run.result()
            print_row(row[name] for name in COLUMNS.split())
            if row["result"] != "ok":
                failed += 1
                print_found(runs[run], build, paths)
    return failed


def keep(target):
    """Brings what was found of new ways into the kept corpus: the seeds, and
    the smallest set of the smallest inputs that covers all."""
    target.prepare()
    small = target.work.parent / f"{target.name}.small"
    shutil.rmtree(small, ignore_errors=True)
    small.mkdir()
    subprocess.run(
        target.command("-set_cover_merge=1") + [small] + target.folders,
        check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
    paths = [path for path in small.iterdir()
             if path.stat().st_size <= KEEP_SIZE_MAX]
    paths += target.folders[1].iterdir()
    inputs = sorted({path.read_bytes() for path in paths})
    pack(target.corpus, inputs)
    print(f"{target.name}: {len(inputs)} inputs, "
          f"{target.corpus.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build-fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true",
                        help="do not fuzz; minimise what there is into corpus/")
    parser.add_argument("targets", nargs="*")
    args = parser.parse_args()

    build = pathlib.Path(args.build).resolve()
    subprocess.run([sys.executable, HERE / "seeds.py", build / "seeds"],
                   check=True)
    names = args.targets or sorted(
        path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))
    targets = [Target(build, name) for name in names]
    if args.keep:
        for target in targets:
            keep(target)
        return 0
    failed = fuzz(targets, build, args.seconds)
    print(f"{len(targets)} targets, {failed} failed")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
